#pragma once
// What CUDA events measured: windows on streams by name, completion marks, and the check of one
// tier by the other: kernels lie inside the event pairs around them.

#include <cstdint>
#include <vector>

#include "latency/device_accounting.hpp"
#include "latency/recording.hpp"
#include "latency/span_tree.hpp"
#include "latency/statistics.hpp"

namespace latency::analysis {

struct window_component {
  string_id name = 0;
  summary duration_ns;
  std::int64_t resolution_ns = 0;  // the coarsest of them
};

struct mark_series {
  string_id name = 0;
  std::int64_t count = 0;
  std::int64_t first_ns = 0;  // completion, from the start of the session
  summary gap_ns;             // from one completion to the next, in order of time
};

struct event_report {
  std::vector<window_component> windows;  // by total, largest first; ties by name text
  std::vector<mark_series> marks;         // by first completion; ties by name text
  std::int64_t warm_up_windows = 0;       // left out, as the next
  std::int64_t warm_up_marks = 0;
};

// For each span with an event window and no span with one around it, the ops below it on the
// window's stream must lie within the window: two ways to measure, by two clocks.
struct event_check {
  std::int64_t windows = 0;         // with ops on their stream
  std::int64_t held = 0;            // whose ops stick out by no more than the clocks' uncertainty
  std::int64_t farthest_ns = 0;     // that an op sticks out of its window
  std::int64_t uncertainty_ns = 0;  // of both clocks and the window's resolution: the largest
  std::int64_t longest_ns = 0;      // the longest window
  std::int64_t longest_ops_ns = 0;  // from the first start to the last end of its ops
};

// Pure; O(n log n).
[[nodiscard]] event_report events(const recording& run, const span_tree& tree);
[[nodiscard]] event_check check_events(const recording& run, const span_tree& tree,
                                       const device_accounting& devices);

}  // namespace latency::analysis
