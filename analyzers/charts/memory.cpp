#include <algorithm>

#include "analyzers/charts/charts.hpp"
#include "analyzers/charts/palette.hpp"

namespace latency::charts {

using render::unit;

std::optional<chart> memory(const recording& run) {
  if (run.memory.empty()) return std::nullopt;
  std::vector<memory_snapshot> snapshots = run.memory;
  std::stable_sort(snapshots.begin(), snapshots.end(),
                   [](const auto& a, const auto& b) { return a.time_ns < b.time_ns; });
  chart result;
  result.key = "memory";
  result.title = "Memory";
  result.shown = "at each snapshot of the run; peaks are since the process started";
  result.counted = "snapshots";
  result.n = static_cast<std::int64_t>(snapshots.size());
  result.source = run.source;
  result.x = {.title = "time since the session started", .type = unit::duration_ns, .min = 0.0};
  result.y = {.title = "memory", .type = unit::bytes, .min = 0.0};
  struct column {
    const char* key;
    const char* name;
    const char* colour;
    std::int64_t memory_snapshot::*bytes;
    bool peak = false;
  };
  constexpr column columns[] = {
      {"peak_rss", "host, peak", "#9ad2f2", &memory_snapshot::peak_rss_bytes, true},
      {"rss", "host, resident", first_colour, &memory_snapshot::rss_bytes},
      {"device_peak", "device, peak", "#f0c566", &memory_snapshot::device_peak_bytes, true},
      {"device_used", "device, used", "#e69f00", &memory_snapshot::device_used_bytes},
      {"device_pool_peak", "device pool, peak", "#66c5ab", &memory_snapshot::device_pool_peak_bytes,
       true},
      {"device_pool_used", "device pool, used", "#009e73",
       &memory_snapshot::device_pool_used_bytes}};
  result.table = {
      "memory", result.title, {{"time", "time", unit::exact_ns}, {"snapshot", "snapshot"}}, {}, 2};
  const std::size_t apart = (snapshots.size() + most_points - 1) / most_points;
  for (const column& c : columns) {
    result.table.columns.push_back({c.key, c.name, unit::bytes});
    series line{c.name, c.colour, shape::step};
    line.wide = c.peak;  // often the same as what is used
    bool known = false;
    for (std::size_t i = 0; i < snapshots.size(); i += apart) {
      std::int64_t bytes = 0;  // of neighbours that are not told apart, the most
      for (std::size_t j = i; j < std::min(i + apart, snapshots.size()); ++j)
        bytes = std::max(bytes, snapshots[j].*c.bytes);
      known = known || bytes != 0;
      line.points.push_back(
          {static_cast<double>(snapshots[i].time_ns), static_cast<double>(bytes)});
    }
    if (known) result.data.push_back(std::move(line));
  }
  for (const memory_snapshot& s : snapshots) {
    result.table.rows.push_back({s.time_ns, run.strings[s.name]});
    for (const column& c : columns) result.table.rows.back().emplace_back(s.*c.bytes);
  }
  return result;
}

}  // namespace latency::charts
