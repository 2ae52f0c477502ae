#include "analyzers/analysis/linear_fit.hpp"

#include <cmath>

#include "latency/statistics.hpp"

namespace latency::analysis {

std::optional<linear_fit> fit_line(const std::vector<std::pair<double, double>>& points) {
  if (points.size() < linear_fit_minimum_n) return std::nullopt;
  std::vector<double> xs;
  std::vector<double> ys;
  for (const auto& [x, y] : points) {
    xs.push_back(x);
    ys.push_back(y);
  }
  const double x_mean = mean(xs);
  const double y_mean = mean(ys);
  double xx = 0;
  double xy = 0;
  for (const auto& [x, y] : points) {
    xx += (x - x_mean) * (x - x_mean);
    xy += (x - x_mean) * (y - y_mean);
  }
  if (!(xx > 0)) return std::nullopt;
  linear_fit fit;
  fit.n = static_cast<std::int64_t>(points.size());
  fit.slope = xy / xx;
  fit.intercept = y_mean - fit.slope * x_mean;
  double squares = 0;
  for (const auto& [x, y] : points) {
    const double residual = y - fit.intercept - fit.slope * x;
    squares += residual * residual;
  }
  const std::int64_t freedom = fit.n - 2;
  const double half_width =
      student_t_975(freedom) * std::sqrt(squares / static_cast<double>(freedom) / xx);
  fit.slope_low = fit.slope - half_width;
  fit.slope_high = fit.slope + half_width;
  return fit;
}

// Fisher's expansion of the quantile around the normal one, whose terms grow too fast below 4.
double student_t_975(std::int64_t degrees_of_freedom) {
  constexpr double exact[] = {12.7062, 4.3027, 3.1824};
  if (degrees_of_freedom < 4) return exact[degrees_of_freedom - 1];
  constexpr double z = 1.959963985;
  constexpr double z2 = z * z;
  const double n = static_cast<double>(degrees_of_freedom);
  const double first = z * (z2 + 1) / 4;
  const double second = z * ((5 * z2 + 16) * z2 + 3) / 96;
  const double third = z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384;
  const double fourth = z * ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) / 92160;
  return z + (first + (second + (third + fourth / n) / n) / n) / n;
}

}  // namespace latency::analysis
