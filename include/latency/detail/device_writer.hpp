#pragma once
// How a device back end writes what it collected into the journal of the session. Rows are gathered
// and go out as blocks in commit(), the texts and shapes that they name first. One user at a time:
// device_source.hpp says how to get one, under the mutex.
//
// Times are raw: device times in nanoseconds of the clock given with them, host times in ticks
// (read_ticks); whoever reads the journal maps both to the session through all anchors.

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "device_codec.hpp"
#include "record_encoder.hpp"

namespace latency::detail {

class device_writer {
 public:
  device_writer(journal_writer& journal, record_encoder& encoder)
      : journal_(journal), encoder_(encoder) {}

  // Describes a clock before anything that is measured with it; the fit in `described` is left out.
  // The number returned names it from now on.
  [[nodiscard]] std::uint32_t new_clock(const device_clock& described) {
    describe_clock(clocks_, described);
    return clocks_++;
  }
  // Describes it anew, when more is known.
  void describe_clock(std::uint32_t clock, const device_clock& described) {
    journal_.begin_block(block_type::device_clock, clock);
    journal_.put(pack_words(described.device, static_cast<std::uint32_t>(described.tier)));
    journal_.put(static_cast<std::uint64_t>(described.resolution_ns));
    journal_.put_text(described.name);
    journal_.end_block();
  }
  // `device_ns` of the clock and `ticks` were read together, good to `uncertainty_ns`. At least one
  // at the start and one at the end of what the clock measures; one a second in between.
  void anchor(std::uint32_t clock, std::int64_t device_ns, std::uint64_t ticks,
              std::int64_t uncertainty_ns) {
    std::uint64_t* const words = row(block_type::clock_anchors, clock, clock_anchor_words);
    words[0] = static_cast<std::uint64_t>(device_ns);
    words[1] = ticks;
    words[2] = static_cast<std::uint64_t>(uncertainty_ns);
  }

  // The id of a static or interned text, for the `name` of rows. Stays valid for the session.
  [[nodiscard]] string_id name(const char* text) { return encoder_.id_of(text); }
  // The index of a shape, for the `shape` of ops. Stays valid for the session.
  [[nodiscard]] std::int32_t shape(const launch_shape& launched) {
    std::array<std::uint64_t, launch_shape_words> words{};
    encode(launched, words.data());
    const auto [entry, inserted] =
        shapes_.try_emplace(words, static_cast<std::int32_t>(shapes_.size()));
    if (inserted) encode(launched, row(block_type::launch_shapes, 0, launch_shape_words));
    return entry->second;
  }
  // The index of a new path below `parent`, another index or -1. Callers keep paths apart.
  [[nodiscard]] std::int32_t new_path(const span_path& path) {
    encode(path, row(block_type::span_paths, 0, span_path_words));
    return paths_++;
  }

  void op(std::uint32_t clock, const device_op& one) {
    encode(one, row(block_type::device_ops, clock, device_op_words));
  }
  void call(const api_call& one) { encode(one, row(block_type::api_calls, 0, api_call_words)); }
  void window(std::uint32_t clock, const event_window& one) {
    encode(one, row(block_type::event_windows, clock, event_window_words));
  }
  void mark(std::uint32_t clock, const completion_mark& one) {
    encode(one, row(block_type::marks, clock, mark_words));
  }
  // Before or after the ops that ran it.
  void node(const graph_node& one) {
    encode(one, row(block_type::graph_nodes, 0, graph_node_words));
  }
  // All totals of the session so far, in place of those given before.
  void totals(const std::vector<device_total>& ops, const std::vector<duration_bucket>& histograms,
              const std::vector<api_total>& calls) {
    for (const device_total& one : ops)
      encode(one, row(block_type::device_totals, 0, device_total_words));
    for (const duration_bucket& one : histograms)
      encode(one, row(block_type::device_histograms, 0, duration_bucket_words));
    for (const api_total& one : calls) encode(one, row(block_type::api_totals, 0, api_total_words));
  }

  // Moves what was gathered into the journal.
  void commit() {
    encoder_.write_texts();
    for (table& t : tables_) {
      if (t.words.empty()) continue;
      // A snapshot is one block, however long: a reader takes it whole or not at all. Other rows
      // are cut into pieces, so that damage costs little.
      const std::size_t limit = is_snapshot(t.type) ? t.words.size() : piece_words / t.row * t.row;
      for (std::size_t at = 0; at < t.words.size(); at += limit) {
        const std::size_t end = std::min(at + limit, t.words.size());
        journal_.begin_block(t.type, is_list(t.type) ? t.rows_written : t.clock);
        for (std::size_t i = at; i < end; ++i) journal_.put(t.words[i]);
        t.rows_written += static_cast<std::uint32_t>((end - at) / t.row);
        journal_.end_block();
        journal_.flush_when_large();
      }
      t.words.clear();
    }
  }

 private:
  static constexpr std::size_t piece_words = 8192;  // 64 KiB
  [[nodiscard]] static bool is_snapshot(block_type type) noexcept {
    return type == block_type::device_totals || type == block_type::device_histograms ||
           type == block_type::api_totals;
  }

  // Rows that others refer to by index: their blocks name the index of the first.
  [[nodiscard]] static bool is_list(block_type type) noexcept {
    return type == block_type::launch_shapes || type == block_type::span_paths;
  }

  struct table {
    block_type type;
    std::uint32_t clock;
    std::uint32_t row;  // words of one
    std::uint32_t rows_written;
    std::vector<std::uint64_t> words;
  };

  // Room for one more row. Shapes and paths come before the rows that name them: tables are written
  // in the order of their types.
  [[nodiscard]] std::uint64_t* row(block_type type, std::uint32_t clock, std::uint32_t words) {
    const auto before = [](const table& t, const std::pair<block_type, std::uint32_t>& wanted) {
      return std::make_pair(t.type, t.clock) < wanted;
    };
    auto at = std::lower_bound(tables_.begin(), tables_.end(), std::make_pair(type, clock), before);
    if (at == tables_.end() || at->type != type || at->clock != clock)
      at = tables_.insert(at, table{type, clock, words, 0, {}});
    at->words.resize(at->words.size() + words);
    return at->words.data() + at->words.size() - words;
  }

  journal_writer& journal_;
  record_encoder& encoder_;
  std::vector<table> tables_;  // by type and clock
  std::map<std::array<std::uint64_t, launch_shape_words>, std::int32_t> shapes_;
  std::uint32_t clocks_ = 0;
  std::int32_t paths_ = 0;
};

}  // namespace latency::detail
