#include "analyzers/commands/plot_page.hpp"

#include <optional>
#include <utility>

#include "analyzers/charts/charts.hpp"

namespace latency::commands {

std::vector<drawn_chart> charts_of(const plotted_run& of) {
  std::vector<drawn_chart> result;
  const auto add = [&](const char* section, std::optional<charts::chart> drawn) {
    if (drawn) result.push_back({section, std::move(*drawn)});
  };
  const breakdown_report& report = of.report;
  add("components", charts::component_breakdown(of.run, report.components));
  add("hierarchy", charts::icicle(of.run, report.hierarchy, report.components));
  return result;
}

}  // namespace latency::commands
