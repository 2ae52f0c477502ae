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
  series exclusive{"exclusive", quiet_colour, shape::bar, "time"};
  series children{"in components inside it", "#8a8f9855", shape::bar, "time"};
  const auto draw = [&](const std::string& name, const std::string& colour,
                        std::int64_t exclusive_ns, std::int64_t inclusive_ns, double share) {
    result.y.categories.push_back(shortened(name));
    exclusive.points.push_back({static_cast<double>(exclusive_ns), last_bar(result)});
    exclusive.point_colours.push_back(colour);
    children.point_colours.push_back(colour + "55");  // see-through
    children.point_labels.push_back(percent_label(share));
    children.points.push_back({static_cast<double>(inclusive_ns - exclusive_ns), last_bar(result)});
  };
  std::int64_t longest_ns = parts.untracked_ns;
  for (const analysis::component& c : parts.rows)
    longest_ns = std::max({longest_ns, c.inclusive_ns, c.exclusive_ns});
  const double least_ns = least_bar * static_cast<double>(longest_ns);
  std::int64_t others = 0, others_ns = 0;
  double others_share = 0;
  for (const analysis::component& c : parts.rows) {
    const std::string& name = run.strings[c.name];
    const std::int64_t inclusive_ns = std::max(c.inclusive_ns, c.exclusive_ns);
    result.table.rows.push_back({name, c.count, c.exclusive_ns, inclusive_ns, c.exclusive_share});
    result.n += c.count;
    if (static_cast<double>(inclusive_ns) >= least_ns &&
        result.y.categories.size() + 2 < most_rows) {
      draw(name, colour_of(name), c.exclusive_ns, inclusive_ns, c.exclusive_share);
      continue;
    }
    ++others;
    others_ns += c.exclusive_ns;
    others_share += c.exclusive_share;
  }
  if (others > 0)
    draw("(" + std::to_string(others) + (others == 1 ? " other)" : " others)"), quiet_colour,
         others_ns, others_ns, others_share);
  if (parts.untracked_ns > 0) {
    result.table.rows.push_back({std::string("(untracked)"), std::int64_t{0}, parts.untracked_ns,
                                 parts.untracked_ns, parts.untracked_share});
    draw("(untracked)", quiet_colour, parts.untracked_ns, parts.untracked_ns,
         parts.untracked_share);
  }
  result.data = {std::move(exclusive), std::move(children)};
  finish_bars(result, 20);
  return result;
}

}  // namespace latency::charts
