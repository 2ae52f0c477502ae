#include <array>
#include <numeric>

#include "analyzers/charts/charts.hpp"
#include "analyzers/charts/histogram_bins.hpp"
#include "analyzers/charts/palette.hpp"
#include "latency/statistics.hpp"

namespace latency::charts {

using render::unit;

namespace {

struct part {
  const char* name;
  const char* colour;
};
constexpr std::array<part, 4> parts = {{{"within a block", "#56b4e9"},
                                        {"block boundary, cache filling or first block", "#a6a000"},
                                        {"block boundary, cache full", first_colour},
                                        {"block boundary, switch", "#93577a"}}};

std::size_t part_of(const analysis::pixel_frame_timing& frame) {
  if (!frame.block_boundary) return 0;
  if (frame.kind == analysis::scenario::switched) return 3;
  return frame.kind == analysis::scenario::full ? 2 : 1;
}

}  // namespace

std::optional<chart> inter_frame_latency(const recording& run,
                                         const analysis::generation_report& generated) {
  std::vector<std::int64_t> gaps_ns;
  for (const auto& frame : generated.pixel_frames)
    if (frame.gap_ns) gaps_ns.push_back(*frame.gap_ns);
  if (gaps_ns.empty()) return std::nullopt;
  const histogram_bins bins(gaps_ns, 50);
  std::array<std::vector<std::int64_t>, parts.size()> counts;
  for (auto& c : counts) c.resize(bins.count);
  for (const auto& frame : generated.pixel_frames)
    if (frame.gap_ns) ++counts[part_of(frame)][bins.index_of(*frame.gap_ns)];

  chart result;
  result.key = "inter_frame_latency";
  result.title = "Inter-frame latency";
  result.shown =
      "time from the completion of one pixel frame to that of the next; each scenario is 100 %";
  result.counted = "gaps";
  result.n = static_cast<std::int64_t>(gaps_ns.size());
  result.source = run.source;
  result.x = {"gap", unit::duration_ns};
  result.y = {.title = "share of its scenario", .type = unit::ratio, .min = 0.0};
  result.table = {"inter_frame_latency",
                  result.title,
                  {{"scenario", "scenario"},
                   {"from", "from", unit::duration_ns},
                   {"to", "to", unit::duration_ns},
                   {"count", "pixel frames", unit::integer},
                   {"share", "share of its scenario", unit::ratio}},
                  {},
                  2};
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const auto n = std::accumulate(counts[p].begin(), counts[p].end(), std::int64_t{0});
    if (n == 0) continue;
    series s{std::string(parts[p].name) + " (n = " + std::to_string(n) + ")",
             std::string(parts[p].colour) + "c0", shape::boxes};
    for (std::size_t bin = 0; bin < bins.count; ++bin) {
      const std::int64_t count = counts[p][bin];
      if (count == 0) continue;
      const double share = static_cast<double>(count) / static_cast<double>(n);
      s.boxes.push_back({bins.begin_of(bin), bins.begin_of(bin + 1), 0, share, "", ""});
      result.table.rows.push_back(
          {std::string(parts[p].name), bins.begin_of(bin), bins.begin_of(bin + 1), count, share});
    }
    result.data.push_back(std::move(s));
  }
  const summary all = summarize(gaps_ns);
  result.marks = {{all.p50, "P50", "", mark::across::at_x},
                  {all.p95, "P95", "", mark::across::at_x}};
  if (all.p99_valid) result.marks.push_back({all.p99, "P99", "", mark::across::at_x});
  return result;
}

}  // namespace latency::charts
