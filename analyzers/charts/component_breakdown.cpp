#include <algorithm>

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
      "exclusive time (full colour; these add up) and, pale, that of the components inside it";
  result.counted = "spans";
  result.source = run.source;
  result.x = {"time", unit::duration_ns, {}, false, false, {}, {}};
  result.y.from_top = true;
  result.table = {"component_breakdown",
                  result.title,
                  {{"component", "component"},
                   {"count", "spans", unit::integer},
                   {"exclusive", "exclusive", unit::duration_ns},
                   {"inclusive", "inclusive", unit::duration_ns},
                   {"exclusive_share", "share of the wall", unit::ratio}},
                  {}};
  series exclusive{"exclusive", first_colour, shape::bar, "time", {}, {}, {}};
  series children{"in components inside it", "#c9d1d9", shape::bar, "time", {}, {}, {}};
  const auto row = [&](const std::string& name, const std::string& colour, std::int64_t count,
                       std::int64_t exclusive_ns, std::int64_t inclusive_ns, double share) {
    const auto at = static_cast<double>(result.y.categories.size());
    if (result.y.categories.size() < most_rows) {
      result.y.categories.push_back(shortened(name));
      exclusive.points.push_back({static_cast<double>(exclusive_ns), at});
      exclusive.point_colours.push_back(colour);
      children.points.push_back({static_cast<double>(inclusive_ns - exclusive_ns), at});
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
  result.height = 130 + 22 * static_cast<int>(result.y.categories.size());
  result.data = {std::move(exclusive), std::move(children)};
  return result;
}

}  // namespace latency::charts
