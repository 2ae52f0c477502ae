#pragma once
// Ordinary least squares of one variable.

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace latency::analysis {

struct linear_fit {
  std::int64_t n = 0;
  double intercept = 0;
  double slope = 0;
  // 95 % interval of the slope by Student's t with n - 2 degrees of freedom: right when the
  // residuals are normal and spread alike along x.
  double slope_low = 0;
  double slope_high = 0;
};

// Three points are the fewest with a residual to judge the slope by.
inline constexpr std::int64_t linear_fit_minimum_n = 3;

// y over x of (x, y). None for fewer points, or when all have the same x.
[[nodiscard]] std::optional<linear_fit> fit_line(
    const std::vector<std::pair<double, double>>& points);

}  // namespace latency::analysis
