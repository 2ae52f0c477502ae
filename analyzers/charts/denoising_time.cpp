#include <algorithm>
#include <array>
#include <map>

#include "analyzers/charts/charts.hpp"
#include "analyzers/charts/palette.hpp"

namespace latency::charts {

using render::unit;

namespace {

constexpr std::size_t most_bars = 120;
// Tones of the colour of denoising steps, from the first to the last.
constexpr std::array<const char*, 6> step_colours = {"#9ad2f2", "#56b4e9", "#3e82a8",
                                                     "#005280", "#66aad1", "#0072b2"};

struct step_key {
  std::int64_t step;
  string_id name;
  bool operator<(const step_key& o) const { return step != o.step ? step < o.step : name < o.name; }
};

}  // namespace

std::optional<chart> denoising_time(const recording& run, const analysis::step_report& steps) {
  // In order of start, so that blocks of several clips stay apart: a block number that comes again
  // after a step that is no later is another block.
  std::vector<std::string> blocks;
  std::vector<std::map<step_key, std::int64_t>> time_ns;
  std::map<step_key, std::size_t> series_of;
  std::optional<std::int64_t> current;
  std::int64_t last_step = 0;
  chart result;
  result.table = {"denoising_time",
                  "Denoising time by block and step",
                  {{"block", "block", unit::integer},
                   {"step", "step", unit::integer},
                   {"name", "span"},
                   {"timestep", "timestep", unit::number},
                   {"start", "start", unit::exact_ns},
                   {"duration", "duration", unit::duration_ns}},
                  {},
                  2};
  for (const analysis::step_timing& s : steps.steps) {
    if (!s.block || s.inside_step) continue;
    if (current != s.block || s.step < last_step) {
      blocks.push_back(std::to_string(*s.block));
      time_ns.emplace_back();
    }
    current = s.block;
    last_step = s.step;
    time_ns.back()[{s.step, s.name}] += s.duration_ns;
    series_of.try_emplace({s.step, s.name}, 0);
    render::cell timestep;
    if (s.timestep) timestep = *s.timestep;
    result.table.rows.push_back(
        {*s.block, s.step, run.strings[s.name], timestep, s.start_ns, s.duration_ns});
    ++result.n;
  }
  if (blocks.empty()) return std::nullopt;
  result.key = "denoising_time";
  result.title = result.table.title;
  result.shown = "duration of each denoising step, children included";
  result.counted = "steps";
  result.source = run.source;
  const std::size_t together = (blocks.size() + most_bars - 1) / most_bars;
  if (together > 1)
    result.shown += "; each bar is the mean of " + std::to_string(together) + " blocks";
  result.x.title = "block";
  result.y = {.title = "time", .type = unit::duration_ns, .min = 0.0};
  std::map<std::int64_t, int> names_of_step;
  for (const auto& entry : series_of) ++names_of_step[entry.first.step];
  for (auto& [key, index] : series_of) {
    index = result.data.size();
    std::string name = "step " + std::to_string(key.step);
    if (names_of_step[key.step] > 1) name += ", " + shortened(run.strings[key.name], 40);
    result.data.push_back({name, step_colours[index % step_colours.size()], shape::bar, "steps"});
  }
  for (std::size_t first = 0; first < blocks.size(); first += together) {
    const std::size_t end = std::min(first + together, blocks.size());
    const auto bar = static_cast<double>(result.x.categories.size());
    result.x.categories.push_back(blocks[first]);
    for (const auto& [key, index] : series_of) {
      std::int64_t sum_ns = 0;
      for (std::size_t b = first; b < end; ++b)
        if (const auto found = time_ns[b].find(key); found != time_ns[b].end())
          sum_ns += found->second;
      if (sum_ns > 0)
        result.data[index].points.push_back(
            {bar, static_cast<double>(sum_ns) / static_cast<double>(end - first)});
    }
  }
  return result;
}

}  // namespace latency::charts
