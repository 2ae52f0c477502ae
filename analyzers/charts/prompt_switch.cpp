#include <algorithm>
#include <array>

#include "analyzers/charts/bar_table.hpp"
#include "analyzers/charts/charts.hpp"
#include "analyzers/charts/palette.hpp"

namespace latency::charts {

using render::cell;
using render::unit;

namespace {

// Indexed by switch_part.
constexpr std::array<const char*, analysis::switch_part_count> part_colours = {
    "#b5bcc6", "#a6a000", "#7b5fb5", "#e0afca", "#93577a",
    "#56b4e9", "#009e73", "#e69f00", "#8a8f98"};

}  // namespace

std::optional<chart> prompt_switch(const recording& run, const analysis::switch_report& switched) {
  chart result;
  result.key = "prompt_switch";
  result.title = "What each prompt switch cost";
  result.shown = "from the request to the first pixel frame of the new prompt; parts add up";
  result.counted = "switches";
  result.source = run.source;
  result.x = {.title = "time", .type = unit::duration_ns, .min = 0.0};
  result.table = {"prompt_switch",
                  result.title,
                  {{"switch", "switch", unit::integer},
                   {"clip", "clip", unit::integer},
                   {"block", "block", unit::integer},
                   {"delta", "delta", unit::exact_ns},
                   {"absolute", "absolute", unit::exact_ns}},
                  {}};
  for (std::size_t p = 0; p < analysis::switch_part_count; ++p) {
    const std::string name = analysis::to_string(static_cast<analysis::switch_part>(p));
    result.table.columns.push_back({render::as_key(name), name, unit::exact_ns});
    result.data.push_back({name, part_colours[p], shape::bar, "parts"});
  }
  std::int64_t left_out = 0;
  for (const analysis::switch_timing& s : switched.switches) {
    const latency::prompt_switch& row = run.switches[s.row];
    std::vector<cell> cells = {static_cast<std::int64_t>(result.table.rows.size() + 1),
                               static_cast<std::int64_t>(s.clip),
                               static_cast<std::int64_t>(row.block),
                               {},
                               {}};
    if (s.delta_ns) cells[3] = *s.delta_ns;
    if (s.absolute_ns) cells[4] = *s.absolute_ns;
    for (const std::int64_t part_ns : s.parts_ns) {
      cells.emplace_back();
      if (s.absolute_ns) cells.back() = part_ns;
    }
    result.table.rows.push_back(std::move(cells));
    if (!s.absolute_ns) continue;
    ++result.n;
    const auto absolute_ns = static_cast<double>(*s.absolute_ns);
    if (!add_bar_name(result, "switch " + std::to_string(result.table.rows.size()) + ", block " +
                                  std::to_string(row.block) + ": " + duration_label(absolute_ns))) {
      ++left_out;
      continue;
    }
    for (std::size_t p = 0; p < analysis::switch_part_count; ++p)
      result.data[p].points.push_back({static_cast<double>(s.parts_ns[p]), last_bar(result)});
  }
  if (result.n == 0) return std::nullopt;
  say_left_out(result, left_out);
  std::erase_if(result.data, [](const series& part) {
    return std::all_of(part.points.begin(), part.points.end(), [](point p) { return p.x == 0; });
  });
  finish_bars(result, 30);
  return result;
}

}  // namespace latency::charts
