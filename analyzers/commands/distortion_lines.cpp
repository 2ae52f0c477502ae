#include "analyzers/commands/distortion_lines.hpp"

#include <fmt/format.h>

#include "analyzers/commands/document_parts.hpp"

namespace latency::commands {

using render::line;

line distortion_line(const distortion& told) {
  const bool distorts = judge(told) == distortion_verdict::distorts;
  return {fmt::format("measuring ({{}}) changes the {} time of {{}} by {{}} "
                      "(95 % interval {{}} to {{}}): {}",
                      to_text(told.of),
                      distorts ? "MORE THAN 2 %" : "cannot tell whether by more than 2 %"),
          {{"tier", unit::text, told.tier},
           {"loop", unit::text, told.loop},
           {std::string(to_text(told.of)) + "_change", unit::ratio, told.ratio - 1},
           {"low", unit::ratio, told.low - 1},
           {"high", unit::ratio, told.high - 1}},
          distorts ? tone::warning : tone::faint};
}

std::vector<line> distortion_warnings(const std::vector<distortion>& told,
                                      const std::string& file) {
  std::vector<line> lines;
  for (const distortion& d : told) {
    if (judge(d) != distortion_verdict::distorts) continue;
    line one = distortion_line(d);
    if (!file.empty()) {
      one.text = "{}: " + one.text;
      one.figures.insert(one.figures.begin(), {"file", unit::text, file});
    }
    lines.push_back(std::move(one));
  }
  return lines;
}

}  // namespace latency::commands
