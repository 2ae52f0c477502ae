#pragma once
// A recording as a timeline can draw it, whatever its size: tracks with lanes of disjoint
// intervals, at several resolutions.
//
// A level has every interval that is at least as long as its resolution, as it is. Shorter ones are
// merged where they start in the same cell (cells are as wide as the resolution, from the start of
// the timeline): a merged item runs from the first start to the last end and knows how many
// intervals it stands for, how long they took together and which name took most of that. An
// interval alone in its cell is never merged. So at every level
//   sum of count = intervals, and sum of time_ns = sum of their lengths.
// The finest level is exact (resolution 0) where the budget of items allows it.

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "latency/recording.hpp"
#include "latency/span_tree.hpp"

namespace latency::analysis {

enum class track_kind : std::uint8_t {
  host_thread,
  device_stream,
  graph_replays,
  event_windows,
  async_spans
};
[[nodiscard]] const char* to_string(track_kind kind);  // "host thread", ...

struct timeline_track {
  std::string title;
  track_kind kind = track_kind::host_thread;
  std::size_t first_lane = 0;  // in timeline_level::lanes
  std::size_t lanes = 0;       // of host threads and replays: by depth, the outermost first
  std::int64_t intervals = 0;
};

struct timeline_item {
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  std::int64_t count = 1;
  std::int64_t time_ns = 0;       // sum of the lengths of the intervals
  std::int64_t exclusive_ns = 0;  // sum of what of that no inner span took
  std::int64_t most_ns = 0;       // of time_ns: that of `name`
  std::uint32_t name = 0;         // in timeline_pyramid::names: the one with most time
};

struct timeline_level {
  std::int64_t resolution_ns = 0;                 // 0: every interval stands for itself
  std::vector<std::vector<timeline_item>> lanes;  // each in order of start, nothing overlaps
};

struct timeline_pyramid {
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  std::vector<std::string> names;  // as files have them; the last may be `other_names`
  std::vector<timeline_track> tracks;
  std::vector<timeline_level> levels;  // from coarse to fine; at least one when there are tracks
  std::int64_t intervals = 0;          // shown
  std::int64_t not_shown = 0;          // reversed, or on tracks and lanes beyond the limits below
};

// More than this is neither seen nor scrolled to.
inline constexpr std::size_t most_tracks = 64;  // those with most intervals stay
inline constexpr std::size_t most_lanes = 32;   // of a track: depth, or intervals side by side
inline constexpr std::size_t most_names = 4096;
inline constexpr const char* other_names = "(other names)";

// Cells of the coarsest level, and how much finer each next level is.
inline constexpr std::int64_t coarsest_cells = 2048;
inline constexpr std::int64_t refinement = 4;

// At most about `budget` items over all levels (a lone coarsest level may be larger). Host spans
// have their accounted intervals. `op_names`: how device ops are called (device_op_names). O(n) for
// each level, and a sort.
[[nodiscard]] timeline_pyramid make_timeline(
    const recording& run, const span_tree& tree,
    const std::unordered_map<string_id, std::string>& op_names, std::size_t budget);

}  // namespace latency::analysis
