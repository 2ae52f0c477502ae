#pragma once
// The first half of timeline_pyramid.hpp: which interval of a recording is drawn where.

#include <cstdint>
#include <string>
#include <vector>

#include "analyzers/analysis/timeline_pyramid.hpp"
#include "latency/recording.hpp"
#include "latency/span_tree.hpp"

namespace latency::analysis {

struct lane_interval {
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  std::int64_t exclusive_ns = 0;
  string_id name = 0;
};

struct laid_out_track {
  std::string title;
  track_kind kind = track_kind::host_thread;
  std::int64_t intervals = 0;
  // Rows of the recording's table of that kind, or of timeline_layout::replays. In a lane they
  // stand in order of start and do not overlap.
  std::vector<std::vector<std::uint32_t>> lanes;
};

struct timeline_layout {
  std::vector<laid_out_track> tracks;
  // Replay instances and the captured spans in them. An instance's name is name_of_instances().
  std::vector<lane_interval> replays;
  std::int64_t not_shown = 0;
};

// A number that no string of the recording has.
[[nodiscard]] inline string_id name_of_instances(const recording& run) {
  return static_cast<string_id>(run.strings.size());
}

[[nodiscard]] lane_interval interval_of(const recording& run, const span_tree& tree,
                                        const timeline_layout& layout, track_kind kind,
                                        std::uint32_t row);

[[nodiscard]] timeline_layout lay_out(const recording& run, const span_tree& tree);

}  // namespace latency::analysis
