#include "analyzers/charts/bar_table.hpp"
#include "analyzers/charts/charts.hpp"
#include "analyzers/charts/palette.hpp"

namespace latency::charts {

using render::cell;
using render::unit;

std::optional<chart> kernels(const recording& run, const analysis::kernel_table& table,
                             const std::unordered_map<string_id, std::string>& names) {
  if (table.rows.empty()) return std::nullopt;
  const bool shares = table.share_ns > 0;
  chart result;
  result.key = "kernels";
  result.title = "Kernels and memsets";
  result.shown = shares ? "share of the device: where k run at once each counts for 1/k; these add "
                          "up; %: of the device window"
                        : "sum of durations";
  result.counted = "kernels";
  result.n = table.count;
  result.source = run.source;
  result.x = {
      .title = shares ? "share of the device" : "time", .type = unit::duration_ns, .min = 0.0};
  result.table = {"kernels",
                  result.title,
                  {{"kernel", "kernel"},
                   {"count", "count", unit::integer},
                   {"share", "share", unit::duration_ns},
                   {"share_of_window", "share of the device window", unit::ratio},
                   {"sum", "sum", unit::duration_ns},
                   {"mean", "mean", unit::duration_ns},
                   {"max", "max", unit::duration_ns}},
                  {}};
  series bars{"time", first_colour, shape::bar};
  for (const analysis::kernel_row& row : table.rows) {
    const auto known = names.find(row.name);
    const std::string& name = known == names.end() ? run.strings[row.name] : known->second;
    cell share, of_window;
    if (row.share_ns) share = *row.share_ns;
    if (row.share_ns && table.window_ns > 0)
      of_window = static_cast<double>(*row.share_ns) / static_cast<double>(table.window_ns);
    result.table.rows.push_back(
        {name, row.count, share, of_window, row.sum_ns, row.mean_ns(), row.max_ns});
    if (result.y.categories.size() == most_kernels || !add_bar_name(result, name)) continue;
    bars.points.push_back(
        {static_cast<double>(shares ? row.share_ns.value_or(0) : row.sum_ns), last_bar(result)});
    bars.point_colours.push_back(colour_of(name));
    bars.point_labels.push_back(percent_label(of_window));
  }
  if (table.rows.size() > most_kernels)
    result.shown += "; the " + std::to_string(most_kernels) + " largest of " +
                    std::to_string(table.rows.size());
  finish_bars(result);
  result.data = {std::move(bars)};
  return result;
}

}  // namespace latency::charts
