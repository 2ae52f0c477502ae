#include "analyzers/commands/report_page.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "analyzers/commands/plot_summary.hpp"

namespace latency::commands {
namespace {

std::optional<render::report_timeline> timeline_of(const plotted_run& of,
                                                   analysis::timeline_pyramid laid_out) {
  if (laid_out.tracks.empty()) return std::nullopt;
  const recording& run = of.run;
  const breakdown_report& report = of.report;
  render::report_timeline result;
  result.pyramid = std::move(laid_out);
  std::unordered_map<std::int32_t, std::int64_t> starts;  // of blocks, by index
  for (const analysis::block_timing& b : report.generated.blocks) {
    const block& row = run.blocks[b.row];
    result.blocks.push_back(
        {b.start_ns, b.start_ns + b.block_ns, row.index, analysis::to_string(b.kind)});
    starts.emplace(row.index, b.start_ns);
  }
  for (const analysis::switch_timing& s : report.switched.switches) {
    const prompt_switch& row = run.switches[s.row];
    const auto start = starts.find(row.block);
    if (start != starts.end())
      result.switches.push_back({start->second, "switch to prompt " + std::to_string(row.segment)});
  }
  std::map<std::pair<std::int32_t, std::int32_t>, std::int64_t> late;  // by block and index
  for (const analysis::late_pixel_frame& f : report.generated.late_at_25_fps)
    late.emplace(std::pair(f.block, f.index), f.lateness_ns);
  for (const pixel_frame& f : run.pixel_frames) {
    const auto found = late.find({f.block, f.index});
    result.pixel_frames.push_back(
        {f.complete_ns, f.index, found == late.end() ? 0 : found->second});
  }
  return result;
}

}  // namespace

render::report_run report_run_of(const plotted_run& of, std::vector<drawn_chart> drawn,
                                 const std::string& trace, analysis::timeline_pyramid laid_out) {
  render::document document = breakdown_document(of.report, of.run.source, true);
  render::report_run result{
      of.name, of.run.source, trace, plot_summary(of.report), timeline_of(of, std::move(laid_out)),
      {}};
  for (render::section& part : document.sections) {
    render::report_section section{part.key, part.title, {}};
    for (drawn_chart& chart : drawn)
      if (chart.section == part.key) section.items.emplace_back(std::move(chart.drawn));
    for (auto& item : part.items)
      std::visit([&](auto& content) { section.items.emplace_back(std::move(content)); }, item);
    result.sections.push_back(std::move(section));
  }
  return result;
}

}  // namespace latency::commands
