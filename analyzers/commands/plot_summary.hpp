#pragma once
// What a report says to who reads nothing else.

#include <vector>

#include "analyzers/commands/breakdown_report.hpp"

namespace latency::commands {

// The deadline that the summary judges by: pixel frames played at 25 per second.
inline constexpr std::int64_t summary_period_ns = analysis::period_at_25_fps_ns;

// Three sentences, as far as the recording knows of it: how fast frames come and whether they are
// on time (of a recording without frames: how large it is); what a prompt switch costs (without
// blocks: how busy the device was); where the time goes. A fourth when the recording is not clean.
// Toned by what they say. Figures are those of the tables below: analysis/.
[[nodiscard]] std::vector<render::line> plot_summary(const breakdown_report& report);

}  // namespace latency::commands
