#include "analyzers/analysis/running_statistics.hpp"

#include "analyzers/charts/charts.hpp"
#include "analyzers/charts/palette.hpp"

namespace latency::charts {

using render::unit;

std::optional<chart> running_statistics(const recording& run,
                                        const analysis::generation_report& generated) {
  std::vector<double> values;
  for (const analysis::block_timing& b : generated.blocks)
    if (b.per_latent_frame_ns > 0) values.push_back(b.per_latent_frame_ns);
  if (values.size() < 2) return std::nullopt;
  chart result;
  result.key = "running_statistics";
  result.title = "Running statistics of the time per latent frame";
  result.shown = "block time over its latent frames, and statistics over all blocks so far";
  result.counted = "blocks";
  result.n = static_cast<std::int64_t>(values.size());
  result.source = run.source;
  result.x = {.title = "blocks so far",
              .type = unit::integer,
              .min = 1.0,
              .max = static_cast<double>(result.n)};
  result.y = {.title = "time per latent frame", .type = unit::duration_ns, .min = 0.0};
  result.table = {"running_statistics",
                  result.title,
                  {{"blocks", "blocks so far", unit::integer},
                   {"value", "this block", unit::duration_ns},
                   {"mean", "mean", unit::duration_ns},
                   {"p50", "P50", unit::duration_ns},
                   {"p95", "P95", unit::duration_ns},
                   {"max", "max", unit::duration_ns}},
                  {}};
  series each{"each block", quiet_colour, shape::points};
  series mean{"mean", "#e69f00", shape::line};
  series p50{"P50", first_colour, shape::line};
  series p95{"P95", "#7b5fb5", shape::line};
  for (const analysis::running_point& p : analysis::running_statistics(values, 500)) {
    const auto n = static_cast<double>(p.n);
    const double value = values[static_cast<std::size_t>(p.n - 1)];
    each.points.push_back({n, value});
    mean.points.push_back({n, p.mean});
    p50.points.push_back({n, p.p50});
    p95.points.push_back({n, p.p95});
    result.table.rows.push_back({p.n, value, p.mean, p.p50, p.p95, p.max});
  }
  if (result.n > 500) result.shown += ", at 500 of them";
  result.data = {std::move(each), std::move(mean), std::move(p50), std::move(p95)};
  return result;
}

}  // namespace latency::charts
