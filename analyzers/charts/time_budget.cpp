#include "analyzers/analysis/time_budget.hpp"

#include <algorithm>

#include "analyzers/charts/bar_table.hpp"
#include "analyzers/charts/charts.hpp"
#include "analyzers/charts/palette.hpp"

namespace latency::charts {

using render::unit;

namespace {

constexpr double least_drawn = 0.004;  // of a budget; what is less is drawn as one

}  // namespace

std::optional<chart> time_budget(const recording& run, const analysis::time_budgets& budgets) {
  if (budgets.pixel_frame.count == 0 && budgets.denoising_step.count == 0) return std::nullopt;
  chart result;
  result.key = "time_budget";
  result.title = "Time budget of one pixel frame and one denoising step";
  result.shown = std::string("mean exclusive time by component over ") +
                 (budgets.of == analysis::scenario::full ? "blocks with a full window"
                                                         : "blocks that fill the window");
  result.counted = "blocks";
  result.n = std::max(budgets.pixel_frame.blocks, budgets.denoising_step.blocks);
  result.source = run.source;
  result.x = {.title = "time", .type = unit::duration_ns, .min = 0.0};
  result.table = {"time_budget",
                  result.title,
                  {{"of", "of"},
                   {"component", "component"},
                   {"mean", "mean exclusive", unit::duration_ns},
                   {"n", "n", unit::integer}},
                  {},
                  2};
  series rest{"everything else", quiet_colour, shape::bar, "budget"};
  const auto draw = [&](const std::string& of, const std::string& counted,
                        const analysis::time_budget& budget) {
    if (budget.count == 0) return;
    (void)add_bar_name(result, of + ": " + duration_label(budget.total_ns) +
                                   " (n = " + std::to_string(budget.count) + " " + counted + ")");
    double rest_ns = 0;
    for (const analysis::budget_part& part : budget.parts) {
      const std::string& name = run.strings[part.name];
      result.table.rows.push_back({of, name, part.mean_ns, budget.count});
      if (part.mean_ns < least_drawn * budget.total_ns) {
        rest_ns += part.mean_ns;
        continue;
      }
      const std::string label = shortened(name);
      auto found = std::find_if(result.data.begin(), result.data.end(),
                                [&](const series& s) { return s.name == label; });
      if (found == result.data.end())
        found = result.data.insert(found, {label, colour_of(name), shape::bar, "budget"});
      found->points.push_back({part.mean_ns, last_bar(result)});
    }
    if (rest_ns > 0) rest.points.push_back({rest_ns, last_bar(result)});
  };
  draw("one pixel frame", "pixel frames", budgets.pixel_frame);
  draw("one denoising step", "steps", budgets.denoising_step);
  if (!rest.points.empty()) result.data.push_back(std::move(rest));
  const auto period_ns = static_cast<double>(analysis::period_at_25_fps_ns);
  result.x.max =
      1.05 * std::max({period_ns, budgets.pixel_frame.total_ns, budgets.denoising_step.total_ns});
  if (budgets.pixel_frame.count > 0)
    result.marks.push_back({period_ns, "25 per s", bad_colour, mark::across::at_x});
  finish_bars(result, 56);
  return result;
}

}  // namespace latency::charts
