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

render::report_page page_of(const plotted_run& of, const std::vector<drawn_chart>& drawn) {
  render::document document = breakdown_document(of.report, of.run.source, true);
  render::report_page page;
  page.title = document.title;
  page.source = document.source;
  for (render::section& part : document.sections) {
    render::report_section section{part.key, part.title, {}};
    for (const drawn_chart& chart : drawn)
      if (chart.section == part.key) section.items.emplace_back(chart.drawn);
    for (auto& item : part.items)
      std::visit([&](auto& content) { section.items.emplace_back(std::move(content)); }, item);
    page.sections.push_back(std::move(section));
  }
  return page;
}

}  // namespace latency::commands
