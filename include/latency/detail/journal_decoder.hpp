#pragma once
// From the words of a journal to a recording: see journal_reader.hpp.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../clock.hpp"
#include "../error.hpp"
#include "../journal.hpp"
#include "../recording.hpp"
#include "device_decoder.hpp"
#include "record_decoder.hpp"
#include "recording_window.hpp"
#include "returned_memory.hpp"
#include "ring_journal.hpp"
#include "thread_state.hpp"

namespace latency::detail {

class journal_decoder {
 public:
  journal_decoder(const std::uint64_t* words, std::size_t count, std::string source)
      : words_(words), count_(count), devices_(out_, count) {
    out_.source = std::move(source);
  }

  // For a program that goes on after it is done with the recording: the tables that grow with time
  // take no memory that malloc would keep. Before decode().
  void reserve_returned_tables() {
    reserve_returned(out_.attributes);
    reserve_returned(out_.spans);
    reserve_returned(out_.async_spans);
    reserve_returned(out_.instants);
    reserve_returned(out_.counters);
    reserve_returned(out_.device_ops);
    reserve_returned(out_.api_calls);
    reserve_returned(out_.event_windows);
    reserve_returned(out_.marks);
  }

  [[nodiscard]] recording decode() {
    std::uint64_t magic = 0;
    std::memcpy(&magic, journal_magic, sizeof magic);
    if (count_ < 2 || words_[0] != magic)
      throw error(out_.source, "byte 0", "not a latency journal");
    if (words_[1] > journal_version_major)
      throw error(out_.source, "byte 8",
                  "journal version " + std::to_string(words_[1]) +
                      " is newer than this program reads (" +
                      std::to_string(journal_version_major) + ")");
    find_parts();
    // Clock first: the line through the first and the last anchor serves every record.
    for_each_block([&](const block_header& h, const std::uint64_t* p) {
      if (h.type == block_type::clock) read_clock(h, p);
    });
    out_.hygiene.damaged_blocks = 0;  // the second pass counts them again
    for_each_block([&](const block_header& h, const std::uint64_t* p) { read_block(h, p); });
    finish();
    return std::move(out_);
  }

 private:
  // Where blocks stand: behind the header, or in the entries of a flight recorder's ring, whose
  // names come first.
  void find_parts() {
    parts_ = {{words_ + 2, count_ - 2}};
    const std::size_t ring_words = ring_journal::words_of_ring(words_ + 2, count_ - 2);
    if (ring_words == 0) return;
    const std::uint64_t* const ring = words_ + 2 + ring_journal::ring_block_words;
    ring_journal found(ring, ring_words);
    parts_ = {{ring + ring_words, static_cast<std::size_t>(words_ + count_ - ring) - ring_words}};
    parts_.insert(parts_.end(), found.entries().begin(), found.entries().end());
    windowed_ = true;
    window_from_ = found.complete_since();
  }

  template <class F>
  void for_each_block(F&& visit) {
    block_scan scan(count_);
    for (const journal_part& part : parts_) {
      if (!scan.part(part, visit)) break;
    }
    out_.hygiene.damaged_blocks += scan.damaged();
  }

  void read_clock(const block_header& h, const std::uint64_t* p) {
    if (h.words != 9) return bad_block();
    const clock_anchor first{p[3], static_cast<std::int64_t>(p[4]),
                             static_cast<std::int64_t>(p[5])};
    const clock_anchor last{p[6], static_cast<std::int64_t>(p[7]), static_cast<std::int64_t>(p[8])};
    out_.clock.kind = to_string(static_cast<clock_kind>(p[0]));
    out_.clock.origin_unix_ns = static_cast<std::int64_t>(p[2]);
    out_.clock.uncertainty_ns = std::max(first.uncertainty_ns, last.uncertainty_ns);
    convert_ = tick_converter(first, last, p[1]);
    out_.clock.resolution_ns = convert_.ns_per_tick();
    out_.wall_ns = std::max<std::int64_t>(0, convert_.to_ns(last.ticks));
  }

  void read_block(const block_header& h, const std::uint64_t* p) {
    switch (h.type) {
      case block_type::strings:
        return read_strings(h, p);
      case block_type::records:
        return read_records(h, p);
      case block_type::thread:
        return read_thread(h, p);
      case block_type::run:
        return read_run(h, p);
      case block_type::open_spans:
        return read_open_spans(h, p);
      case block_type::totals:
        return read_totals(h, p);
      case block_type::end:
        ended_ = h.words == 1;
        if (ended_) out_.wall_ns = convert_.to_ns(p[0]);
        return;
      case block_type::clock:
      case block_type::ring:
        return;
      case block_type::window:
        return read_window(h, p);
      case block_type::device_clock:
        return read_device_clock(h, p);
      default:
        if (devices_.read(h, p, convert_, [this](std::uint64_t id) { return string_of(id); }))
          return;
    }
    bad_block();
  }

  void read_window(const block_header& h, const std::uint64_t* p) {
    if (h.words != 2) return bad_block();
    windowed_ = true;
    window_from_ = p[0];
    window_cause_ = p[1];
  }

  void read_device_clock(const block_header& h, const std::uint64_t* p) {
    std::string_view name;
    const std::uint64_t* at = p + 2;
    if (h.words < 3 || !take_text(at, p + h.words, name) || !devices_.read_clock(h, p, name))
      bad_block();
  }

  void bad_block() { ++out_.hygiene.damaged_blocks; }

  // Length-prefixed text; advances `p`. False when it does not fit.
  static bool take_text(const std::uint64_t*& p, const std::uint64_t* end, std::string_view& text) {
    if (p >= end) return false;
    const std::uint64_t bytes = *p++;
    if (bytes > static_cast<std::uint64_t>(end - p) * sizeof(std::uint64_t)) return false;
    text = {reinterpret_cast<const char*>(p), static_cast<std::size_t>(bytes)};
    p += (bytes + 7) / 8;
    return true;
  }

  void read_strings(const block_header& h, const std::uint64_t* p) {
    const std::uint64_t* const end = p + h.words;
    std::string_view text;
    while (p < end) {
      if (!take_text(p, end, text)) return bad_block();
      strings_.push_back(out_.strings.add(text));
    }
  }
  [[nodiscard]] string_id string_of(std::uint64_t journal_id) {
    if (journal_id < strings_.size()) return strings_[static_cast<std::size_t>(journal_id)];
    return out_.strings.add("(lost name)");  // its block was damaged
  }

  void read_thread(const block_header& h, const std::uint64_t* p) {
    std::string_view name;
    const std::uint64_t* at = p + 1;
    if (h.words < 2 || h.thread >= max_threads || !take_text(at, p + h.words, name))
      return bad_block();
    need_thread(h.thread);
    out_.threads[h.thread] = {std::string(name), static_cast<std::int64_t>(p[0])};
  }
  void need_thread(std::uint32_t index) {
    if (out_.threads.size() <= index) out_.threads.resize(index + 1);
  }

  void read_run(const block_header& h, const std::uint64_t* p) {
    const std::uint64_t* const end = p + h.words;
    std::string_view key, text;
    if (!take_text(p, end, key) || end - p < 2) return bad_block();
    run_value& target = out_.run[std::string(key)];
    switch (*p++) {
      case 0:
        target = static_cast<std::int64_t>(*p);
        return;
      case 1: {
        double real = 0;
        std::memcpy(&real, p, sizeof real);
        target = real;
        return;
      }
      case 2:
        if (take_text(p, end, text)) {
          target = std::string(text);
          return;
        }
    }
    bad_block();
  }

  void read_totals(const block_header& h, const std::uint64_t* p) {
    // Earlier journals end before the counts of devices.
    if (h.words < static_cast<std::uint32_t>(total::dropped_device_ops)) return bad_block();
    const auto get = [&](total which) {
      const auto at = static_cast<std::uint32_t>(which);
      return at < h.words ? static_cast<std::int64_t>(p[at]) : 0;
    };
    hygiene_counts& to = out_.hygiene;
    to.dropped_spans = get(total::dropped_spans);
    to.dropped_records = get(total::dropped_records);
    to.too_deep_spans = get(total::too_deep_spans);
    to.overwritten_spans = get(total::overwritten_spans);
    to.warm_up_regions = get(total::warm_up_regions);
    to.skipped_regions = get(total::skipped_regions);
    to.dropped_device_ops = get(total::dropped_device_ops);
    to.invalid_device_ops = get(total::invalid_device_ops);
    to.unmatched_device_ops = get(total::unmatched_device_ops);
    to.unmatched_launches = get(total::unmatched_launches);
    to.untraced_copies = get(total::untraced_copies);
    to.changed_graph_nodes = get(total::changed_graph_nodes);
  }

  void read_open_spans(const block_header& h, const std::uint64_t* p) {
    if (h.words % 4 != 0 || h.thread >= max_threads) return bad_block();
    std::vector<span>& open = open_[h.thread];
    open.clear();
    for (std::uint32_t i = 0; i < h.words; i += 4) {
      if (p[i] == 0) continue;
      span s;
      s.id = p[i], s.parent = p[i + 1];
      s.start_ns = convert_.to_ns(p[i + 2]);
      s.name = string_of(p[i + 3]);
      s.thread = h.thread;
      s.flags = span_open_at_end;
      open.push_back(s);
    }
  }

  void read_records(const block_header& h, const std::uint64_t* p) {
    if (h.thread >= max_threads) return bad_block();
    need_thread(h.thread);
    if (!records_.read(h.thread, p, p + h.words, convert_,
                       [this](std::uint64_t id) { return string_of(id); }))
      bad_block();
  }

  void finish() {
    devices_.finish();
    out_.hygiene.incomplete = !ended_;
    for (const span& s : out_.spans)
      out_.wall_ns = ended_ ? out_.wall_ns : std::max(out_.wall_ns, s.end_ns);
    // A span can have begun after the last anchor of the clock; it lies inside the recording too.
    if (!ended_)
      for (const auto& [thread, spans] : open_)
        for (const span& s : spans) out_.wall_ns = std::max(out_.wall_ns, s.start_ns);
    // Spans that were open when the last word was heard of a thread, unless they closed after it.
    std::set<span_id> candidates;
    for (const auto& [thread, spans] : open_)
      for (const span& s : spans) candidates.insert(s.id);
    for (const span& s : out_.spans) candidates.erase(s.id);
    for (auto& [thread, spans] : open_)
      for (span& s : spans)
        if (candidates.count(s.id) != 0) {
          s.end_ns = std::max(s.start_ns, out_.wall_ns);
          out_.spans.push_back(s);
          ++out_.hygiene.open_spans;
        }
    for (span& s : out_.spans)
      if (s.parent != 0 && s.parent >> thread_id_shift != s.id >> thread_id_shift)
        s.flags |= span_handed_over;
    records_.finish();
    if (windowed_) cut_to_window();
    take_overhead();
  }

  // Blocks that describe the run hold the overhead too, under names of its own.
  void take_overhead() {
    const std::string prefix = overhead_key("");
    auto entry = out_.run.lower_bound(prefix);
    while (entry != out_.run.end() && entry->first.rfind(prefix, 0) == 0) {
      if (const auto* cost = std::get_if<double>(&entry->second))
        out_.overhead[entry->first.substr(prefix.size())] = *cost;
      entry = out_.run.erase(entry);
    }
  }

  void cut_to_window() {
    const std::int64_t wall_ns = std::max(out_.wall_ns, std::int64_t{0});
    const std::int64_t from_ns = std::clamp(convert_.to_ns(window_from_), std::int64_t{0}, wall_ns);
    if (window_cause_ != 0) out_.run["flight_trigger_ns"] = convert_.to_ns(window_cause_) - from_ns;
    recording_window::cut(out_, from_ns, wall_ns);
  }

  const std::uint64_t* words_;
  std::size_t count_;
  std::vector<journal_part> parts_;
  bool windowed_ = false;           // a flight recorder's: only what overlaps the window is read
  std::uint64_t window_from_ = 0;   // ticks
  std::uint64_t window_cause_ = 0;  // ticks; 0: none
  recording out_;
  record_decoder records_{out_};
  device_decoder devices_;
  tick_converter convert_;
  bool ended_ = false;
  std::vector<string_id> strings_;  // journal string id -> recording string id
  std::map<std::uint32_t, std::vector<span>> open_;
};

}  // namespace latency::detail
