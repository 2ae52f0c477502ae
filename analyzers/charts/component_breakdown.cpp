#include <algorithm>

#include "analyzers/charts/bar_table.hpp"
#include "analyzers/charts/charts.hpp"
#include "analyzers/charts/palette.hpp"

namespace latency::charts {

using render::unit;

// Inclusive = exclusive + the children, so the two stacked parts of a bar end at the inclusive
// time.
std::optional<chart> component_breakdown(const recording& run,
                                         const analysis::component_table& parts) {
  if (parts.rows.empty()) return std::nullopt;
  chart result;
  result.key = "component_breakdown";
  result.title = "Time by component";
  result.shown =
      "exclusive time (full colour and %, which add up) and, pale, that of the components inside "
      "it";
  result.counted = "spans";
  result.source = run.source;
  result.x = {"time", unit::duration_ns};
  result.table = {"component_breakdown",
                  result.title,
                  {{"component", "component"},
                   {"count", "spans", unit::integer},
                   {"exclusive", "exclusive", unit::duration_ns},
                   {"inclusive", "inclusive", unit::duration_ns},
                   {"exclusive_share", "share of the wall", unit::ratio}},
                  {}};
  series exclusive{"exclusive", first_colour, shape::bar, "time"};
  series children{"in components inside it", "#8a8f9855", shape::bar, "time"};
  const auto row = [&](const std::string& name, const std::string& colour, std::int64_t count,
                       std::int64_t exclusive_ns, std::int64_t inclusive_ns, double share) {
    if (add_bar_name(result, name)) {
      exclusive.points.push_back({static_cast<double>(exclusive_ns), last_bar(result)});
      exclusive.point_colours.push_back(colour);
      children.point_colours.push_back(colour + "55");  // see-through
      children.point_labels.push_back(percent_label(share));
      children.points.push_back(
          {static_cast<double>(inclusive_ns - exclusive_ns), last_bar(result)});
    }
    result.table.rows.push_back({name, count, exclusive_ns, inclusive_ns, share});
    result.n += count;
  };
  for (const analysis::component& c : parts.rows)
    row(run.strings[c.name], colour_of(run.strings[c.name]), c.count, c.exclusive_ns,
        std::max(c.inclusive_ns, c.exclusive_ns), c.exclusive_share);
  if (parts.untracked_ns > 0)
    row("(untracked)", quiet_colour, 0, parts.untracked_ns, parts.untracked_ns,
        parts.untracked_share);
  result.data = {std::move(exclusive), std::move(children)};
  finish_bars(result, 20);
  return result;
}

}  // namespace latency::charts
