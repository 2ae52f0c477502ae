#include <algorithm>
#include <array>

#include "analyzers/charts/charts.hpp"
#include "analyzers/charts/histogram_bins.hpp"
#include "analyzers/charts/palette.hpp"
#include "analyzers/render/display.hpp"
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
using gaps_by_part = std::array<std::vector<std::int64_t>, parts.size()>;

std::size_t part_of(const analysis::pixel_frame_timing& frame) {
  if (!frame.block_boundary) return 0;
  if (frame.kind == analysis::scenario::switched) return 3;
  return frame.kind == analysis::scenario::full ? 2 : 1;
}

constexpr std::size_t wanted_bins = 50;
constexpr std::int64_t fewest_with_tail = 20;  // gaps of a scenario
constexpr double least_saved = 2;              // times the width that is left

// Where the bins end: at the largest gap, or, where a long tail would leave them next to nothing,
// at the largest P95 of a scenario. The few gaps of a small scenario are no tail.
double end_of_bins(const gaps_by_part& gaps_ns, double low, double high) {
  double end = low;
  for (const auto& of : gaps_ns) {
    if (of.empty()) continue;
    const summary s = summarize(of);
    end = std::max(end, s.n < fewest_with_tail ? s.max : s.p95);
  }
  return high - low > least_saved * std::max(end - low, 1.0) ? end : high;
}

// One histogram below the other, each under a bar with its name and figures.
class histogram_builder {
 public:
  histogram_builder(const gaps_by_part& gaps_ns, double low, double high)
      : gaps_ns_(gaps_ns), bins_(low, end_of_bins(gaps_ns, low, high), wanted_bins), high_(high) {}

  void add_to(chart& result) {
    const render::cell largest(high_);
    scale_ = render::scale_for(unit::duration_ns, {&largest});
    cut_ = bins_.index_of(static_cast<std::int64_t>(high_)) == bins_.count;
    right_ = bins_.begin_of(bins_.count + (cut_ ? 3 : 0));
    for (std::size_t p = 0; p < parts.size(); ++p)
      if (!gaps_ns_[p].empty()) add(parts[p], gaps_ns_[p], result);
    result.data.push_back(std::move(titles_));
    result.data.push_back(std::move(percentiles_));
    result.x = {.title = "gap", .type = unit::duration_ns, .min = bins_.first, .max = right_};
    result.y = {.title = "", .from_top = true, .hidden = true, .min = 0.0, .max = bottom_};
    result.height = 150 + static_cast<int>(pixels_of_row * bottom_);
    if (!cut_) return;
    const std::string end = shown(bins_.begin_of(bins_.count));
    result.bands.push_back({bins_.begin_of(bins_.count), right_, "longer"});
    result.shown += "; bins end at the largest P95 of a scenario, what is longer stands right of " +
                    end + ' ' + scale_.unit;
  }

 private:
  static constexpr double title_rows = 1, bar_rows = 3.2, rows_apart = 0.5, pixels_of_row = 18;

  [[nodiscard]] std::string shown(double gap_ns) const { return render::shown(gap_ns, scale_); }

  void add(const part& of, const std::vector<std::int64_t>& gaps_ns, chart& result) {
    std::vector<std::int64_t> counts(bins_.count + 1);
    for (const std::int64_t gap_ns : gaps_ns) ++counts[bins_.index_of(gap_ns)];
    const auto most = static_cast<double>(*std::max_element(counts.begin(), counts.end()));
    const auto n = static_cast<double>(gaps_ns.size());
    const summary s = summarize(gaps_ns);
    const double top = bottom_ + title_rows, floor = top + bar_rows;
    std::string title = std::string(of.name) + ": n = " + std::to_string(s.n) + ", P50 " +
                        shown(s.p50) + ", P95 " + shown(s.p95) + ", max " + shown(s.max) + ' ' +
                        scale_.unit;
    if (counts.back() > 0) title += ", " + std::to_string(counts.back()) + " off the scale";
    titles_.boxes.push_back({bins_.first, right_, bottom_ + 0.1, top, title, ""});
    series bars{"", of.colour, shape::boxes};
    for (std::size_t bin = 0; bin < counts.size(); ++bin) {
      if (counts[bin] == 0) continue;
      const bool beyond = bin == bins_.count;
      const auto count = static_cast<double>(counts[bin]);
      const double begin = bins_.begin_of(bin), end = bins_.begin_of(bin + 1);
      bars.boxes.push_back({beyond ? end : begin, beyond ? end + bins_.width : end,
                            floor - (bar_rows - 0.2) * count / most, floor,
                            std::to_string(counts[bin]) + " of " + std::to_string(s.n), ""});
      result.table.rows.push_back(
          {std::string(of.name), begin, beyond ? s.max : end, counts[bin], count / n});
    }
    result.data.push_back(std::move(bars));
    add_percentile(s.p50, top, floor);
    add_percentile(s.p95, top, floor);
    if (s.p99_valid) add_percentile(s.p99, top, floor);
    bottom_ = floor + rows_apart;
  }

  void add_percentile(double at, double top, double floor) {
    if (at >= bins_.begin_of(bins_.count)) return;
    const double half_ns = (right_ - bins_.first) / 800;
    percentiles_.boxes.push_back({at - half_ns, at + half_ns, top + 0.1, floor, "", ""});
  }

  const gaps_by_part& gaps_ns_;
  histogram_bins bins_;
  double high_;
  bool cut_ = false;  // some gaps are beyond the bins
  double right_ = 0;  // where the axis ends
  double bottom_ = 0;
  render::scale scale_;
  series titles_{"", title_colour, shape::boxes};
  series percentiles_{"", text_colour, shape::boxes};
};

}  // namespace

std::optional<chart> inter_frame_latency(const recording& run,
                                         const analysis::generation_report& generated) {
  gaps_by_part gaps_ns;
  std::vector<std::int64_t> all_ns;
  for (const auto& frame : generated.pixel_frames) {
    if (!frame.gap_ns) continue;
    gaps_ns[part_of(frame)].push_back(*frame.gap_ns);
    all_ns.push_back(*frame.gap_ns);
  }
  if (all_ns.empty()) return std::nullopt;
  chart result;
  result.key = "inter_frame_latency";
  result.title = "Inter-frame latency";
  result.shown =
      "from one pixel frame complete to the next, by scenario, each to its tallest bar; lines: "
      "P50, "
      "P95, from n = 100 P99";
  result.counted = "gaps";
  result.n = static_cast<std::int64_t>(all_ns.size());
  result.source = run.source;
  result.table = {"inter_frame_latency",
                  result.title,
                  {{"scenario", "scenario"},
                   {"from", "from", unit::duration_ns},
                   {"to", "to", unit::duration_ns},
                   {"count", "pixel frames", unit::integer},
                   {"share", "share of its scenario", unit::ratio}},
                  {},
                  2};
  const auto [low, high] = std::minmax_element(all_ns.begin(), all_ns.end());
  histogram_builder(gaps_ns, static_cast<double>(*low), static_cast<double>(*high)).add_to(result);
  return result;
}

}  // namespace latency::charts
