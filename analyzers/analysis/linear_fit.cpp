#include "analyzers/analysis/linear_fit.hpp"

#include <cmath>

#include "latency/run_statistics.hpp"
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
  const double half_width = student_t_quantile(0.975, static_cast<double>(freedom)) *
                            std::sqrt(squares / static_cast<double>(freedom) / xx);
  fit.slope_low = fit.slope - half_width;
  fit.slope_high = fit.slope + half_width;
  return fit;
}

}  // namespace latency::analysis
