#pragma once
// What a report says of the measuring itself (analysis/distortions.hpp).

#include <string>
#include <vector>

#include "analyzers/render/document.hpp"
#include "latency/distortion.hpp"

namespace latency::commands {

// How much a time is changed, and whether by more than is tolerated.
[[nodiscard]] render::line distortion_line(const distortion& told);

// Of those that measuring changes by more than is tolerated: the least that a report must say.
// `file` names the file, where a report is of several.
[[nodiscard]] std::vector<render::line> distortion_warnings(const std::vector<distortion>& told,
                                                            const std::string& file = "");

}  // namespace latency::commands
