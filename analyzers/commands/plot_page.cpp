#include "analyzers/commands/plot_page.hpp"

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "analyzers/analysis/steps.hpp"
#include "analyzers/analysis/time_budget.hpp"
#include "analyzers/analysis/timeline_pyramid.hpp"
#include "analyzers/charts/charts.hpp"

namespace latency::commands {

std::vector<drawn_chart> charts_of(const plotted_run& of) {
  std::vector<drawn_chart> result;
  const auto add = [&](const char* section, std::optional<charts::chart> drawn) {
    if (drawn) result.push_back({section, std::move(*drawn)});
  };
  const breakdown_report& report = of.report;
  // Of the timeline the coarsest level: more than a picture can show.
  add("timeline",
      charts::timeline(of.run, analysis::make_timeline(of.run, report.tree, report.op_names, 0),
                       report.generated));
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

std::vector<drawn_chart> compared_charts(const plot_inputs& inputs) {
  std::set<std::string> names;
  const auto file_name = [](const plotted_run& of) {
    return std::filesystem::path(of.run.source).filename().string();
  };
  for (const plotted_run& run : inputs.runs) names.insert(file_name(run));
  const bool distinct = names.size() == inputs.runs.size();
  std::vector<charts::compared_file> files;
  for (const plotted_run& run : inputs.runs)
    files.push_back({distinct ? file_name(run) : run.name, &run.run, &run.report.components});
  std::vector<drawn_chart> result;
  if (auto drawn = charts::files_compared(files)) result.push_back({"files", std::move(*drawn)});
  return result;
}

}  // namespace latency::commands
