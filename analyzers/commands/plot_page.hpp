#pragma once
// What `latency plot` draws of each run, and the page that shows it.

#include <vector>

#include "analyzers/charts/chart.hpp"
#include "analyzers/commands/plot_inputs.hpp"
#include "analyzers/render/html_report.hpp"

namespace latency::commands {

struct drawn_chart {
  std::string section;  // key of the section of breakdown_document that it belongs to
  charts::chart drawn;
};

// The charts of one run that has something to draw in them.
[[nodiscard]] std::vector<drawn_chart> charts_of(const plotted_run& of);

// The sections of `latency breakdown`, each with its charts.
[[nodiscard]] render::report_page page_of(const plotted_run& of,
                                          const std::vector<drawn_chart>& drawn);

}  // namespace latency::commands
