#pragma once
// What `latency plot` says and draws of several runs together.

#include <optional>
#include <vector>

#include "analyzers/charts/chart.hpp"
#include "analyzers/commands/plot_inputs.hpp"
#include "analyzers/render/document.hpp"

namespace latency::commands {

// A sentence for each run after the first, against the first: the median of its steady blocks where
// both have them, else how long the recordings are. None of a single run.
[[nodiscard]] std::vector<render::line> comparison_summary(const plot_inputs& inputs);

// Nothing of a single run, or of runs without spans.
[[nodiscard]] std::optional<charts::chart> comparison_chart(const plot_inputs& inputs);

}  // namespace latency::commands
