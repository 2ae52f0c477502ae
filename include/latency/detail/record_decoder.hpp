#pragma once
// Reads the records that threads wrote (spans, instants, rows, ...) from the blocks of a journal: a
// part of journal_reader.hpp.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <utility>

#include "../clock.hpp"
#include "../events.hpp"
#include "../recording.hpp"
#include "record_format.hpp"
#include "row_codec.hpp"

namespace latency::detail {

class record_decoder {
 public:
  explicit record_decoder(recording& out) : out_(out) {}

  // One block of records of a thread. `name_of` turns the journal's string ids into the
  // recording's. False when something in it makes no sense, and is lost.
  template <class NameOf>
  [[nodiscard]] bool read(std::uint32_t thread, const std::uint64_t* p, const std::uint64_t* end,
                          const tick_converter& convert, const NameOf& name_of) {
    bool sound = true;
    while (p < end) {
      const std::uint32_t size = record_words(*p);
      if (size == 0 || size > end - p) return false;
      sound = read_record(thread, p, convert, name_of) && sound;
      p += size;
    }
    return sound;
  }

  // After the last block: async spans get their ends.
  void finish() {
    for (recorded_async_span& s : out_.async_spans) {
      const auto end = async_ends_.find(s.id);
      if (end == async_ends_.end()) {
        s.end_ns = std::max(s.start_ns, out_.wall_ns);
        s.flags |= span_open_at_end;
        ++out_.hygiene.open_spans;
      } else {
        s.end_ns = std::max(s.start_ns, end->second.first);  // as for spans
        s.end_thread = end->second.second;
      }
    }
  }

 private:
  template <class NameOf>
  [[nodiscard]] bool read_record(std::uint32_t thread, const std::uint64_t* p,
                                 const tick_converter& convert, const NameOf& name_of) {
    const std::uint32_t count = head_count(p[0]);
    const std::int64_t time_ns = convert.to_ns(p[1]);
    switch (head_kind(p[0])) {
      case record_kind::span: {
        span s;
        s.name = name_of(head_name(p[0]));
        s.flags = head_flags(p[0]);
        s.start_ns = time_ns;
        // Two processors' counters may disagree by less than the clock's uncertainty.
        s.end_ns = std::max(s.start_ns, convert.to_ns(p[2]));
        s.id = p[3], s.parent = p[4];
        s.thread = thread;
        s.attributes = read_attributes(p + 5, count, name_of);
        out_.spans.push_back(s);
        return true;
      }
      case record_kind::instant:
        out_.instants.push_back({time_ns, name_of(head_name(p[0])), thread, p[2],
                                 read_attributes(p + 3, count, name_of)});
        return true;
      case record_kind::counter: {
        double sample = 0;
        std::memcpy(&sample, p + 2, sizeof sample);
        out_.counters.push_back({time_ns, name_of(head_name(p[0])), thread, sample});
        return true;
      }
      case record_kind::async_begin: {
        recorded_async_span s;
        s.name = name_of(head_name(p[0]));
        s.start_ns = time_ns;
        s.id = p[2], s.parent = p[3];
        s.begin_thread = s.end_thread = thread;
        s.attributes = read_attributes(p + 4, count, name_of);
        out_.async_spans.push_back(s);
        return true;
      }
      case record_kind::async_end:
        async_ends_[p[2]] = {time_ns, thread};
        return true;
      case record_kind::row:
        return read_row(static_cast<row_kind>(head_name(p[0])), p + 2, count, time_ns, name_of);
    }
    return true;
  }

  template <class NameOf>
  [[nodiscard]] attribute_range read_attributes(const std::uint64_t* p, std::uint32_t count,
                                                const NameOf& name_of) {
    const attribute_range range{out_.attributes.size(), count};
    for (std::uint32_t i = 0; i < count; ++i, p += 2) {
      recorded_attribute a;
      a.key = name_of(p[0] & pointer_mask);
      a.type = static_cast<recorded_attribute::kind>(std::min<std::uint8_t>(key_type(p[0]), 2));
      if (a.type == recorded_attribute::kind::text) {
        a.text = name_of(p[1]);
      } else {
        std::memcpy(&a.integer, p + 1, sizeof a.integer);
      }
      out_.attributes.push_back(a);
    }
    return range;
  }

  template <class NameOf>
  [[nodiscard]] bool read_row(row_kind kind, const std::uint64_t* p, std::uint32_t count,
                              std::int64_t time_ns, const NameOf& name_of) {
    if (row_words(kind) == 0 || count < least_row_words(kind) || count > row_words(kind))
      return false;
    std::uint64_t row[max_row_words] = {};
    std::copy_n(p, count, row);
    switch (kind) {
      case row_kind::block:
        out_.blocks.push_back(decode_block(row));
        break;
      case row_kind::prompt_switch:
        out_.switches.push_back(decode_prompt_switch(row));
        out_.switches.back().request_ns = time_ns;
        break;
      case row_kind::pixel_frame:
        out_.pixel_frames.push_back(decode_pixel_frame(row));
        out_.pixel_frames.back().complete_ns = time_ns;
        break;
      case row_kind::memory:
        out_.memory.push_back(decode_memory(row));
        out_.memory.back().name = name_of(row[0]);
        out_.memory.back().time_ns = time_ns;
        break;
    }
    return true;
  }

  recording& out_;
  // Ordered: ids are the file's to choose, and ones that meet in a hash table's bucket are easily
  // found.
  std::map<std::uint64_t, std::pair<std::int64_t, std::uint32_t>> async_ends_;
};

}  // namespace latency::detail
