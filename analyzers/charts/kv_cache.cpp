#include <algorithm>

#include "analyzers/charts/bar_table.hpp"
#include "analyzers/charts/charts.hpp"
#include "analyzers/charts/palette.hpp"

namespace latency::charts {

using render::cell;
using render::unit;

std::optional<chart> kv_cache(const recording& run, const analysis::kv_cache_report& cache) {
  if (cache.operations.empty()) return std::nullopt;
  chart result;
  result.key = "kv_cache";
  result.title = "KV-cache operations";
  result.shown = "inclusive time of each operation by what it ran in; they nest and do not add up";
  result.counted = "operations";
  result.source = run.source;
  result.x = {.title = "time", .type = unit::duration_ns, .min = 0.0};
  result.table = {"kv_cache",
                  result.title,
                  {{"operation", "operation"},
                   {"inside", "inside"},
                   {"count", "count", unit::integer},
                   {"inclusive", "inclusive", unit::duration_ns},
                   {"attended", "tokens attended", unit::integer},
                   {"reused", "tokens reused", unit::integer},
                   {"rewritten", "tokens rewritten", unit::integer},
                   {"hit_rate", "hit rate", unit::ratio},
                   {"moved", "bytes", unit::bytes}},
                  {},
                  2};
  series time{"inclusive time", first_colour, shape::bar};
  std::int64_t longest_ns = 0, left_out = 0;
  for (const analysis::cache_operation& operation : cache.operations)
    longest_ns = std::max(longest_ns, operation.inclusive_ns);
  for (const analysis::cache_operation& operation : cache.operations) {
    const std::string& name = run.strings[operation.name];
    const std::string inside = operation.parent_name ? run.strings[*operation.parent_name] : "";
    cell hit_rate;
    if (const auto rate = operation.tokens.hit_rate()) hit_rate = *rate;
    result.table.rows.push_back({name, inside, operation.count, operation.inclusive_ns,
                                 operation.tokens.attended, operation.tokens.reused,
                                 operation.tokens.rewritten, hit_rate, operation.bytes});
    result.n += operation.count;
    const std::string label = shortened(name, 36);
    const auto time_ns = static_cast<double>(operation.inclusive_ns);
    if (time_ns < least_bar * static_cast<double>(longest_ns) ||
        !add_bar_name(result, inside.empty() ? label : label + " in " + shortened(inside, 36))) {
      ++left_out;
      continue;
    }
    time.points.push_back({time_ns, last_bar(result)});
    time.point_colours.push_back(colour_of(name));
  }
  say_left_out(result, left_out);
  finish_bars(result);
  result.data = {std::move(time)};
  return result;
}

}  // namespace latency::charts
