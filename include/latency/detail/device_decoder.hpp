#pragma once
// Reads what device back ends wrote into a journal: a part of journal_reader.hpp. Device times stay
// raw until every anchor of their clock has been read.

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "../clock.hpp"
#include "../journal.hpp"
#include "../recording.hpp"
#include "clock_mapping.hpp"
#include "device_codec.hpp"

namespace latency::detail {

class device_decoder {
 public:
  // `file_words`: of the whole journal; it bounds every index that can be true.
  device_decoder(recording& out, std::size_t file_words) : out_(out), file_words_(file_words) {}

  // One block of a device type. `name_of` turns the journal's string ids into the recording's.
  // False when it makes no sense.
  template <class NameOf>
  [[nodiscard]] bool read(const block_header& h, const std::uint64_t* p,
                          const tick_converter& convert, const NameOf& name_of) {
    switch (h.type) {
      case block_type::clock_anchors:
        if (h.thread >= clocks_.size()) return false;
        return rows(h, p, clock_anchor_words, [&](const std::uint64_t* row) {
          clocks_[h.thread].anchors.push_back({static_cast<std::int64_t>(row[0]),
                                               convert.to_ns(row[1]),
                                               static_cast<std::int64_t>(row[2])});
        });
      case block_type::launch_shapes:
        if (!has_place(h, out_.launch_shapes)) return false;
        return rows(h, p, launch_shape_words, [&](const std::uint64_t* row) {
          out_.launch_shapes.push_back(decode_launch_shape(row));
        });
      case block_type::device_ops:
        return measured(h, p, device_op_words, out_.device_ops, ops_, decode_device_op, name_of);
      case block_type::event_windows:
        return measured(h, p, event_window_words, out_.event_windows, windows_, decode_event_window,
                        name_of);
      case block_type::marks:
        return measured(h, p, mark_words, out_.marks, marks_, decode_mark, name_of);
      case block_type::api_calls:
        return rows(h, p, api_call_words, [&](const std::uint64_t* row) {
          api_call call = decode_api_call(row);
          call.start_ns = convert.to_ns(row[0]);
          call.end_ns = std::max(call.start_ns, convert.to_ns(row[1]));
          call.name = name_of(call.name);
          out_.api_calls.push_back(call);
        });
      case block_type::span_paths:
        if (!has_place(h, out_.span_paths)) return false;
        return rows(h, p, span_path_words, [&](const std::uint64_t* row) {
          span_path path = decode_span_path(row);
          path.name = name_of(path.name);
          const auto index = static_cast<std::int64_t>(out_.span_paths.size());
          if (path.parent < -1 || path.parent >= index) path.parent = -1;
          out_.span_paths.push_back(path);
        });
      case block_type::graph_nodes:
        return rows(h, p, graph_node_words, [&](const std::uint64_t* row) {
          out_.graph_nodes.push_back(decode_graph_node(row));
        });
      default:
        return read_totals(h, p, name_of);
    }
  }

  [[nodiscard]] bool read_clock(const block_header& h, const std::uint64_t* p,
                                std::string_view device_name) {
    if (h.thread >= file_words_) return false;
    if (clocks_.size() <= h.thread) clocks_.resize(h.thread + std::size_t{1});
    device_clock& described = clocks_[h.thread].described;
    described.device = low_word(p[0]);
    described.tier = enumeration_at(p[0], 32, device_tier::kernels);
    described.resolution_ns = static_cast<std::int64_t>(p[1]);
    described.name = device_name;
    clocks_[h.thread].known = true;
    return true;
  }

  // After the last block: maps device times, and forgets references to what was lost.
  void finish() {
    std::vector<clock_mapping> mappings;
    for (clock_read& c : clocks_) {
      const clock_mapping& fit = mappings.emplace_back(std::move(c.anchors));
      c.described.anchors = static_cast<std::int64_t>(fit.anchors());
      c.described.drift_ppm = fit.drift_ppm();
      c.described.residual_ns = fit.residual_ns();
      c.described.uncertainty_ns = fit.uncertainty_ns();
      if (c.known) out_.device_clocks.push_back(std::move(c.described));
    }
    const clock_mapping unknown;
    const auto mapping_of = [&](std::uint32_t clock) -> const clock_mapping& {
      return clock < mappings.size() ? mappings[clock] : unknown;
    };
    map_intervals(out_.device_ops, ops_, mapping_of);
    map_intervals(out_.event_windows, windows_, mapping_of);
    for (const run& r : marks_)
      for (std::size_t i = r.first; i < r.first + r.count; ++i)
        out_.marks[i].time_ns = mapping_of(r.clock).to_session_ns(out_.marks[i].time_ns);
    for (device_op& op : out_.device_ops)
      if (op.shape < -1 || op.shape >= static_cast<std::int64_t>(out_.launch_shapes.size()))
        op.shape = -1;
    forget_lost_paths(out_.device_totals);
    forget_lost_paths(out_.api_totals);
    forget_lost_paths(out_.graph_nodes);
  }

 private:
  struct clock_read {
    bool known = false;
    device_clock described;
    std::vector<device_anchor> anchors;
  };
  struct run {  // of rows measured with one clock
    std::uint32_t clock;
    std::size_t first;
    std::size_t count;
  };

  template <class Read>
  static bool rows(const block_header& h, const std::uint64_t* p, std::uint32_t words,
                   const Read& read_row) {
    if (h.words % words != 0) return false;
    for (std::uint32_t at = 0; at < h.words; at += words) read_row(p + at);
    return true;
  }

  template <class Row, class Decode, class NameOf>
  static bool measured(const block_header& h, const std::uint64_t* p, std::uint32_t words,
                       std::vector<Row>& to, std::vector<run>& runs, const Decode& decode,
                       const NameOf& name_of) {
    if (h.words % words != 0) return false;
    runs.push_back({h.thread, to.size(), h.words / words});
    return rows(h, p, words, [&](const std::uint64_t* row) {
      to.push_back(decode(row));
      to.back().name = name_of(to.back().name);
    });
  }

  // Rows with indices: those of a lost block before stay empty.
  template <class Row>
  bool has_place(const block_header& h, std::vector<Row>& rows_so_far) const {
    if (h.thread < rows_so_far.size() || h.thread > file_words_) return false;
    rows_so_far.resize(h.thread);
    return true;
  }

  template <class NameOf>
  [[nodiscard]] bool read_totals(const block_header& h, const std::uint64_t* p,
                                 const NameOf& name_of) {
    switch (h.type) {
      case block_type::device_totals:
        out_.device_totals.clear();
        out_.device_histograms.clear();
        return rows(h, p, device_total_words, [&](const std::uint64_t* row) {
          out_.device_totals.push_back(decode_device_total(row));
          out_.device_totals.back().name = name_of(out_.device_totals.back().name);
        });
      case block_type::device_histograms:
        out_.device_histograms.clear();
        return rows(h, p, duration_bucket_words, [&](const std::uint64_t* row) {
          const duration_bucket bucket = decode_duration_bucket(row);
          if (bucket.total < out_.device_totals.size()) out_.device_histograms.push_back(bucket);
        });
      case block_type::api_totals:
        out_.api_totals.clear();
        return rows(h, p, api_total_words, [&](const std::uint64_t* row) {
          out_.api_totals.push_back(decode_api_total(row));
          out_.api_totals.back().name = name_of(out_.api_totals.back().name);
        });
      default:
        return false;
    }
  }

  template <class Row, class MappingOf>
  static void map_intervals(std::vector<Row>& rows, const std::vector<run>& runs,
                            const MappingOf& mapping_of) {
    for (const run& r : runs) {
      const clock_mapping& mapping = mapping_of(r.clock);
      for (std::size_t i = r.first; i < r.first + r.count; ++i) {
        Row& row = rows[i];
        // What a device could not measure it reports as 0; that stays to be seen.
        if (row.start_ns == 0 && row.end_ns == 0) continue;
        row.start_ns = mapping.to_session_ns(row.start_ns);
        row.end_ns = mapping.to_session_ns(row.end_ns);
      }
    }
  }

  template <class Row>
  void forget_lost_paths(std::vector<Row>& rows) const {
    for (Row& row : rows)
      if (row.path < -1 || row.path >= static_cast<std::int64_t>(out_.span_paths.size()))
        row.path = -1;
  }

  recording& out_;
  std::size_t file_words_;
  std::vector<clock_read> clocks_;
  std::vector<run> ops_, windows_, marks_;
};

}  // namespace latency::detail
