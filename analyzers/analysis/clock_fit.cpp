#include "analyzers/analysis/clock_fit.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "latency/saturating.hpp"

namespace latency::analysis {
namespace {

// A line by its offsets at both ends of the extent.
struct ends {
  double first = 0;
  double last = 0;
};

// The line is at most `limit` where `first` and `last` count with these weights.
struct half_plane {
  double first = 0;
  double last = 0;
  double limit = 0;
  [[nodiscard]] double excess(const ends& of) const {
    return first * of.first + last * of.last - limit;
  }
};

std::vector<ends> clipped(const std::vector<ends>& polygon, const half_plane& by) {
  std::vector<ends> result;
  for (std::size_t i = 0; i < polygon.size(); ++i) {
    const ends& a = polygon[i];
    const ends& b = polygon[(i + 1) % polygon.size()];
    const double out_a = by.excess(a);
    const double out_b = by.excess(b);
    if (out_a <= 0) result.push_back(a);
    if ((out_a <= 0) == (out_b <= 0)) continue;
    const double t = out_a / (out_a - out_b);
    result.push_back({a.first + t * (b.first - a.first), a.last + t * (b.last - a.last)});
  }
  return result;
}

// The tightest bound of each slice of the extent; `sign` is 1 for upper bounds, -1 for lower ones.
std::vector<offset_bound> thinned(const std::vector<offset_bound>& all, interval extent,
                                  std::int64_t sign) {
  constexpr std::size_t slices = 1000;
  if (all.size() <= 2 * slices) return all;
  std::vector<std::optional<offset_bound>> tightest(slices);
  const double length_ns = static_cast<double>(extent.length_ns());
  for (const offset_bound& one : all) {
    const double part = static_cast<double>(one.at_ns - extent.start_ns) / length_ns;
    auto& kept = tightest[std::min(slices - 1, static_cast<std::size_t>(part * slices))];
    if (!kept || sign * one.offset_ns < sign * kept->offset_ns) kept = one;
  }
  std::vector<offset_bound> result;
  for (const auto& one : tightest)
    if (one) result.push_back(*one);
  return result;
}

}  // namespace

std::optional<clock_fit> fit_clock(const clock_bounds& bounds, interval extent) {
  const std::vector<offset_bound> at_most = thinned(bounds.at_most, extent, 1);
  const std::vector<offset_bound> at_least = thinned(bounds.at_least, extent, -1);
  // Small numbers: offsets count from one of the bounds, times are parts of the extent.
  const std::int64_t base_ns = at_most.front().offset_ns;
  const double length_ns = std::max(1.0, static_cast<double>(extent.length_ns()));
  const auto part_of = [&](const offset_bound& one) {
    return static_cast<double>(one.at_ns - extent.start_ns) / length_ns;
  };
  const double drifted_ns = most_drift * length_ns;
  double largest_ns = 0;
  for (const auto* side : {&at_most, &at_least})
    for (const offset_bound& one : *side)
      largest_ns = std::max(largest_ns, std::fabs(static_cast<double>(one.offset_ns - base_ns)));
  const double reach_ns = largest_ns + drifted_ns + 1;

  constexpr double rounding_ns = 0.5;  // times are whole nanoseconds
  std::vector<ends> possible = {
      {-reach_ns, -reach_ns}, {reach_ns, -reach_ns}, {reach_ns, reach_ns}, {-reach_ns, reach_ns}};
  possible = clipped(possible, {-1, 1, drifted_ns});
  possible = clipped(possible, {1, -1, drifted_ns});
  for (const offset_bound& one : at_most) {
    const double part = part_of(one);
    const double limit = static_cast<double>(one.offset_ns - base_ns) + rounding_ns;
    possible = clipped(possible, {1 - part, part, limit});
  }
  for (const offset_bound& one : at_least) {
    const double part = part_of(one);
    const double limit = static_cast<double>(one.offset_ns - base_ns) - rounding_ns;
    possible = clipped(possible, {part - 1, -part, -limit});
  }
  if (possible.empty()) return std::nullopt;

  ends least = possible.front();
  ends most = possible.front();
  for (const ends& corner : possible) {
    least = {std::min(least.first, corner.first), std::min(least.last, corner.last)};
    most = {std::max(most.first, corner.first), std::max(most.last, corner.last)};
  }
  const ends taken{(least.first + most.first) / 2, (least.last + most.last) / 2};
  const double uncertainty_ns = std::max(most.first - least.first, most.last - least.last) / 2;
  clock_fit fit;
  fit.drift = (taken.last - taken.first) / length_ns;
  const double at_zero_ns = taken.first - fit.drift * static_cast<double>(extent.start_ns);
  fit.offset_ns = clamp_time(saturating_add(base_ns, std::llround(at_zero_ns)));
  fit.uncertainty_ns = std::llround(std::ceil(uncertainty_ns));
  return fit;
}

}  // namespace latency::analysis
