#include "analyzers/commands/plot_page.hpp"

#include <optional>
#include <utility>

#include "analyzers/analysis/steps.hpp"
#include "analyzers/analysis/time_budget.hpp"
#include "analyzers/charts/charts.hpp"

namespace latency::commands {

std::vector<drawn_chart> charts_of(const plotted_run& of,
                                   const analysis::timeline_pyramid& laid_out) {
  std::vector<drawn_chart> result;
  const auto add = [&](const char* section, std::optional<charts::chart> drawn) {
    if (drawn) result.push_back({section, std::move(*drawn)});
  };
  const breakdown_report& report = of.report;
  add("timeline", charts::timeline(of.run, laid_out, report.generated));
  add("components", charts::component_breakdown(of.run, report.components));
  add("hierarchy", charts::icicle(of.run, report.hierarchy, report.components));
  add("kernels", charts::kernels(of.run, report.kernels, report.op_names));
  add("switches", charts::prompt_switch(of.run, report.switched));
  add("generation", charts::pixel_frame_completion(of.run, report.generated));
  add("generation", charts::inter_frame_latency(of.run, report.generated));
  add("generation", charts::running_statistics(of.run, report.generated));
  add("generation",
      charts::time_budget(of.run, analysis::budgets(of.run, report.tree, report.generated)));
  add("generation", charts::segments(of.run, report.generated));
  add("kv_cache", charts::kv_cache(of.run, report.cache));
  add("steps", charts::denoising_time(of.run, analysis::steps(of.run, report.tree)));
  add("run", charts::memory(of.run));
  return result;
}

}  // namespace latency::commands
