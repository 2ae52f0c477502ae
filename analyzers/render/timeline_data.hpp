#pragma once
// The timeline of a report as the page reads it (page/timeline_data.js decodes it).

#include <cstdint>
#include <string>
#include <vector>

#include "analyzers/analysis/timeline_pyramid.hpp"

namespace latency::render {

struct timeline_block {
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  std::int32_t index = 0;
  std::string kind;  // "first", "filling", "full", "switch"
};

struct timeline_switch {
  std::int64_t time_ns = 0;
  std::string label;
};

struct timeline_pixel_frame {
  std::int64_t complete_ns = 0;
  std::int32_t index = 0;
  std::int64_t late_ns = 0;  // 0: on time
};

struct report_timeline {
  analysis::timeline_pyramid pyramid;
  std::vector<timeline_block> blocks;
  std::vector<timeline_switch> switches;
  std::vector<timeline_pixel_frame> pixel_frames;
};

// More marks than this are not drawn: they would be a solid bar.
inline constexpr std::size_t most_timeline_marks = 5000;  // of each kind

// JSON; times in whole nanoseconds. A level is [resolution, text]: the text is the base64 of
// unsigned LEB128 numbers, for each lane the number of items and for each item
//   start - end of the item before it (the first: - start of the timeline), end - start,
//   2 x name + (1 when it stands for several)
//   one: its time - exclusive
//   several: count, end - start - time, time - exclusive, time - time of the name with most
// Lists of marks that are too long are left out, and their lengths stand in "not_drawn".
[[nodiscard]] std::string timeline_json(const report_timeline& of);

}  // namespace latency::render
