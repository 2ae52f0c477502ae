#include "analyzers/charts/bar_table.hpp"
#include "analyzers/charts/charts.hpp"
#include "analyzers/charts/palette.hpp"

namespace latency::charts {

using render::cell;
using render::unit;

std::optional<chart> segments(const recording& run, const analysis::generation_report& generated) {
  if (generated.segments.size() < 2) return std::nullopt;
  chart result;
  result.key = "segments";
  result.title = "Segments compared";
  result.shown =
      "steady time per latent frame under each prompt: median and P95 of its full blocks";
  result.counted = "steady blocks";
  result.source = run.source;
  result.x = {.title = "time per latent frame", .type = unit::duration_ns, .min = 0.0};
  result.table = {"segments",
                  result.title,
                  {{"segment", "segment", unit::integer},
                   {"blocks", "blocks", unit::integer},
                   {"steady_blocks", "steady blocks", unit::integer},
                   {"steady_p50", "steady P50 per latent frame", unit::duration_ns},
                   {"steady_p95", "steady P95 per latent frame", unit::duration_ns},
                   {"latent_frames", "latent frames without VAE", unit::rate},
                   {"pixel_frames", "pixel frames without VAE", unit::rate}},
                  {}};
  series median{"P50", first_colour, shape::bar};
  series p95{"P95", "#9ad2f2", shape::bar};
  std::int64_t left_out = 0;
  for (const analysis::segment_row& s : generated.segments) {
    const summary& steady = s.steady_per_latent_frame_ns;
    result.n += steady.n;
    cell p50_ns, p95_ns;
    if (steady.n > 0) {
      p50_ns = steady.p50;
      p95_ns = steady.p95;
    }
    result.table.rows.push_back({static_cast<std::int64_t>(s.segment), s.blocks, steady.n, p50_ns,
                                 p95_ns, s.rate.latent_fps_without_vae,
                                 s.rate.pixel_fps_without_vae});
    if (!add_bar_name(result, "segment " + std::to_string(s.segment) +
                                  " (n = " + std::to_string(steady.n) + ")")) {
      ++left_out;
      continue;
    }
    if (steady.n == 0) continue;
    median.points.push_back({steady.p50, last_bar(result)});
    p95.points.push_back({steady.p95, last_bar(result)});
  }
  if (result.n == 0) return std::nullopt;
  say_left_out(result, left_out);
  result.data = {std::move(median), std::move(p95)};
  finish_bars(result, 36);
  return result;
}

}  // namespace latency::charts
