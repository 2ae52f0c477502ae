#pragma once
// The page that `latency plot` writes: of each run a summary, a timeline, and the sections of
// `latency breakdown` with their charts.

#include <string>
#include <vector>

#include "analyzers/commands/plot_inputs.hpp"
#include "analyzers/commands/plot_page.hpp"
#include "analyzers/render/html_report.hpp"

namespace latency::commands {

// Items of a timeline, of all runs together: some 15 bytes of the page each.
inline constexpr std::size_t timeline_budget = 500'000;

// `trace`: the Chrome trace of the run, beside the page. `laid_out`: of the run.
[[nodiscard]] render::report_run report_run_of(const plotted_run& of,
                                               std::vector<drawn_chart> drawn,
                                               const std::string& trace,
                                               analysis::timeline_pyramid laid_out);

}  // namespace latency::commands
