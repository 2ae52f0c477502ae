#pragma once
// Where the time went: per span name, and as a tree of name paths. No nanosecond is counted twice.
//
// Shares are of the thread wall: the wall of the recording times the threads that recorded spans,
// so
//   sum of exclusive_share + warm_up_share + untracked_share = 1.
// With one such thread that is the wall. Spans in a warm-up region appear in no row; they are
// counted, and their time is `warm_up_exclusive_ns`.

#include <cstdint>
#include <optional>
#include <vector>

#include "latency/recording.hpp"
#include "latency/span_tree.hpp"
#include "latency/statistics.hpp"

namespace latency::analysis {

struct component {
  string_id name = 0;
  std::int64_t count = 0;
  std::int64_t inclusive_ns = 0;  // a span inside a span of its own name (and thread) adds nothing
  std::int64_t exclusive_ns = 0;
  double exclusive_share = 0;      // of the thread wall
  summary duration_ns;             // inclusive durations of all `count` spans
  std::int64_t warm_up_count = 0;  // further spans of this name that were left out
};

// Intervals outside the exclusive sums: they overlap anything and have no share.
struct async_component {
  string_id name = 0;
  std::int64_t count = 0;
  summary duration_ns;
};

struct component_table {
  std::vector<component> rows;              // by exclusive_ns, largest first; ties by name text
  std::vector<async_component> async_rows;  // by total duration, largest first; ties by name text
  std::int64_t wall_ns = 0;
  std::int64_t thread_count = 0;    // threads that recorded spans
  std::int64_t thread_wall_ns = 0;  // wall_ns * thread_count, the whole of every share
  std::int64_t untracked_ns = 0;    // over those threads
  double untracked_share = 0;
  std::int64_t warm_up_count = 0;
  std::int64_t warm_up_exclusive_ns = 0;
  double warm_up_share = 0;
};

// One path of names. Warm-up is left out.
struct hierarchy_node {
  string_id name = 0;
  std::optional<std::size_t> parent;  // index in hierarchy::nodes; none for a root
  std::int32_t depth = 0;             // 0 for a root
  bool handed_over = false;           // runs on another thread: not part of its parent's time
  std::int64_t count = 0;
  std::int64_t inclusive_ns = 0;
  std::int64_t exclusive_ns = 0;
  double inclusive_share = 0;  // of the thread wall
  double exclusive_share = 0;
};

// Depth first: a node stands before its children, and siblings by inclusive_ns, largest first (ties
// by name text). Printing top to bottom with `depth` as indentation draws the tree.
struct hierarchy {
  std::vector<hierarchy_node> nodes;
};

// Pure; O(n log n) in the spans.
[[nodiscard]] component_table components(const recording& run, const span_tree& tree);
[[nodiscard]] hierarchy hierarchy_of(const recording& run, const span_tree& tree);

}  // namespace latency::analysis
