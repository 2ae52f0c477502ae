#pragma once
// What `latency plot` draws of each run.

#include <vector>

#include "analyzers/analysis/timeline_pyramid.hpp"
#include "analyzers/charts/chart.hpp"
#include "analyzers/commands/plot_inputs.hpp"

namespace latency::commands {

struct drawn_chart {
  std::string section;  // key of the section of breakdown_document that it belongs to
  charts::chart drawn;
};

// The charts of one run that has something to draw in them. `laid_out`: of the run.
[[nodiscard]] std::vector<drawn_chart> charts_of(const plotted_run& of,
                                                 const analysis::timeline_pyramid& laid_out);

}  // namespace latency::commands
