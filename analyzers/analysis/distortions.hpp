#pragma once
// What the measuring of a recording did to it, as far as the program measured that
// (latency/overhead.hpp) and told it.

#include <string>
#include <vector>

#include "latency/distortion.hpp"
#include "latency/recording.hpp"

namespace latency::analysis {

// The tier that a recording shows: the highest of the back ends that it holds.
[[nodiscard]] std::string overhead_tier_of(const recording& run);

// What is told of that tier, the device's times only where the recording has any. Pure; O(told log
// told) and O(windows).
[[nodiscard]] std::vector<distortion> distortions_of(const recording& run);

}  // namespace latency::analysis
