#pragma once
// The time of the devices by span name: whose kernels and copies ran, and how they were spread.
//
// The time of a device op is its share, or of a copy its exposed time (device_accounting.hpp), and
// every instant of every device is in one place:
//   sum of rows[i].own.time_ns() + warm_up + no_span + not_captured + idle_ns = window_ns,
// to the nanosecond. Ops of a graph replay are at the span in which their node was captured
// (replays.hpp), or, where that is not known, in not_captured; with children, they are in the span
// that launched the graph, too.
// Sum, busy, window and idle of spans do not add up, not even over the spans of one name when they
// run at the same time; they are added all the same, to compare names.

#include <array>
#include <cstdint>
#include <vector>

#include "analyzers/analysis/replays.hpp"
#include "latency/device_accounting.hpp"
#include "latency/recording.hpp"
#include "latency/saturating.hpp"
#include "latency/span_tree.hpp"

namespace latency::analysis {

// The part of a device's time that some ops have.
struct device_part {
  std::int64_t ops = 0;
  std::int64_t share_ns = 0;         // of kernels and memsets
  std::int64_t copy_exposed_ns = 0;  // of copies
  [[nodiscard]] std::int64_t time_ns() const { return saturating_add(share_ns, copy_exposed_ns); }
  void add(const op_set& set) {
    ops += set.ops;
    share_ns = saturating_add(share_ns, set.share_ns);
    copy_exposed_ns = saturating_add(copy_exposed_ns, set.copy_exposed_ns);
  }
};

struct device_component {
  string_id name = 0;
  std::int64_t spans = 0;  // with device ops, in themselves or below; a captured one in each replay
  device_part own;         // launched or captured in spans of this name, not in spans below
  // Each span with all below it, added up over the spans and devices; of spans of one name inside
  // each other the outermost.
  op_set subtree;
};

struct device_component_table {
  std::vector<device_component> rows;  // by own time, then subtree share; ties by name text
  device_part warm_up;                 // launched in warm-up spans, which are in no row
  device_part no_span;                 // unattributed
  // Of replays whose captured spans are not known, by capture_reason.
  std::array<device_part, capture_reasons> not_captured{};
  std::int64_t idle_ns = 0;
  std::int64_t window_ns = 0;  // of all devices: device-seconds
};

// Of a recording that holds totals: ops by the innermost span, which is all that is known.
struct device_total_component {
  bool has_span = false;
  string_id name = 0;
  std::int64_t ops = 0;
  std::int64_t sum_ns = 0;
};

// Pure; O(n log n). `tree` and `devices` must be of `run`.
[[nodiscard]] device_component_table device_components(const recording& run, const span_tree& tree,
                                                       const device_accounting& devices);
// By sum, largest first; ties by name text.
[[nodiscard]] std::vector<device_total_component> device_total_components(const recording& run);

}  // namespace latency::analysis
