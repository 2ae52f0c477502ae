#pragma once
// What `latency plot` draws of each run.

#include <vector>

#include "analyzers/charts/chart.hpp"
#include "analyzers/commands/plot_inputs.hpp"

namespace latency::commands {

struct drawn_chart {
  std::string section;  // key of the section of breakdown_document that it belongs to
  charts::chart drawn;
};

// The charts of one run that has something to draw in them.
[[nodiscard]] std::vector<drawn_chart> charts_of(const plotted_run& of);

// The charts that compare the runs; none of a single one.
[[nodiscard]] std::vector<drawn_chart> compared_charts(const plot_inputs& inputs);

}  // namespace latency::commands
