#pragma once
// The part of the statistics module for values that are not independent: those of one run follow
// one another, so neighbours resemble each other. statistics.hpp has what single samples need.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "latency/error.hpp"
#include "latency/statistics.hpp"

namespace latency {

namespace detail {

// Regularized incomplete beta function I_x(a, b), by Lentz's continued fraction.
inline double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incomplete_beta(b, a, 1 - x);
  constexpr double tiny = 1e-300;
  constexpr int most_terms = 500;
  const auto away_from_zero = [](double v) { return std::fabs(v) < tiny ? tiny : v; };
  double c = 1;
  double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
  double fraction = d;
  for (int m = 1; m <= most_terms; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    fraction *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    fraction *= d * c;
    if (std::fabs(d * c - 1) < 1e-14) break;
  }
  const double front =
      a * std::log(x) + b * std::log1p(-x) + std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b);
  return std::exp(front) * fraction / a;
}

// Lag-1 correlation of deviations from their mean, at the upper end of what `n` values leave open
// (two standard errors), within 0..0.95.
inline double most_resemblance(const std::vector<double>& values) {
  const double center = mean(values);
  double squares = 0;
  double products = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    squares += (values[i] - center) * (values[i] - center);
    if (i > 0) products += (values[i] - center) * (values[i - 1] - center);
  }
  if (!(squares > 0)) return 0;
  const double margin = 2 / std::sqrt(static_cast<double>(values.size()));
  return std::clamp(products / squares + margin, 0.0, 0.95);
}

}  // namespace detail

// Degrees of freedom from which Student's t is taken as normal.
inline constexpr double most_degrees_of_freedom = 1e6;

// Quantile of Student's t for `probability` in (0, 1) and degrees of freedom above 0 (not
// necessarily whole), else latency::error. To about 10 digits.
inline double student_t_quantile(double probability, double degrees_of_freedom) {
  if (!(probability > 0 && probability < 1 && degrees_of_freedom > 0))
    throw error("", "student_t_quantile", "needs a probability in (0, 1) and degrees above 0");
  if (probability == 0.5) return 0;
  if (probability < 0.5) return -student_t_quantile(1 - probability, degrees_of_freedom);
  const double degrees = std::min(degrees_of_freedom, most_degrees_of_freedom);
  const auto upper_tail = [degrees](double t) {
    return 0.5 * detail::incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t));
  };
  double low = 0;
  double high = 1;
  while (upper_tail(high) > 1 - probability && high < 1e150) high *= 2;
  for (int i = 0; i < 100 && high - low > 1e-12 * high; ++i) {
    const double middle = low + (high - low) / 2;
    (upper_tail(middle) > 1 - probability ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

// How far the logarithm of a ratio of sums may be off because the values scatter.
struct log_ratio_error {
  double standard_error = detail::undefined;  // infinite when a resample sums to zero
  double degrees_of_freedom = 0;              // blocks - 1
};

// Consecutive values that are resampled together: the square root of `n`, so that what neighbours
// have in common stays in the resample.
inline std::size_t resampled_block_length(std::size_t n) {
  return static_cast<std::size_t>(std::sqrt(static_cast<double>(n)));
}

// Standard error of log(sum(above) / sum(below)), both in order of time, value i of one belonging
// to value i of the other: what both have in common (a phase of the run, a longer step) cancels.
// The larger of two: a circular block bootstrap, which keeps any dependence between neighbours up
// to the length of a block; and the error of independent values times sqrt((1 + r) / (1 - r)) for
// a lag-1 correlation r, which holds where blocks would be too few. Sizes must be equal; fewer than
// 4 values have no error (NaN). O(n + resamples * blocks).
inline log_ratio_error bootstrap_log_ratio(const std::vector<double>& above,
                                           const std::vector<double>& below,
                                           const bootstrap_options& options = {}) {
  const std::size_t n = above.size();
  if (below.size() != n) throw error("", "bootstrap_log_ratio", "needs as many values below");
  log_ratio_error result;
  if (n < 4) return result;
  const std::size_t length = resampled_block_length(n);
  const std::size_t blocks = (n + length - 1) / length;
  result.degrees_of_freedom = static_cast<double>(blocks - 1);
  // Sums of the block that starts at each value, going on at the front after the last one.
  const auto block_sums = [n, length](const std::vector<double>& values) {
    std::vector<double> sums(n);
    for (std::size_t i = 0; i < length; ++i) sums[0] += values[i];
    for (std::size_t start = 1; start < n; ++start)
      sums[start] = sums[start - 1] - values[start - 1] + values[(start - 1 + length) % n];
    return sums;
  };
  const std::vector<double> above_sums = block_sums(above);
  const std::vector<double> below_sums = block_sums(below);
  std::mt19937_64 random(options.seed);
  std::vector<double> logs(static_cast<std::size_t>(options.resamples));
  for (double& log : logs) {
    double a = 0;
    double b = 0;
    for (std::size_t k = 0; k < blocks; ++k) {
      const std::size_t start = detail::draw(random, n);
      a += above_sums[start];
      b += below_sums[start];
    }
    if (!(a > 0 && b > 0)) {
      result.standard_error = std::numeric_limits<double>::infinity();
      return result;
    }
    log = std::log(a / b);
  }
  // Resampling few blocks scatters less than drawing new ones would.
  const double by_blocks =
      standard_deviation(logs) * std::sqrt(static_cast<double>(blocks) / result.degrees_of_freedom);

  const double above_mean = mean(above);
  const double below_mean = mean(below);
  std::vector<double> deviations(n);  // of the logarithm, to first order
  for (std::size_t i = 0; i < n; ++i) deviations[i] = above[i] / above_mean - below[i] / below_mean;
  const double r = detail::most_resemblance(deviations);
  const double by_neighbours = standard_deviation(deviations) / std::sqrt(static_cast<double>(n)) *
                               std::sqrt((1 + r) / (1 - r));
  result.standard_error = std::max(by_blocks, by_neighbours);
  return result;
}

// The same of log(sum(values)) alone: of a mean that is compared with an independent one.
inline log_ratio_error bootstrap_log_mean(const std::vector<double>& values,
                                          const bootstrap_options& options = {}) {
  return bootstrap_log_ratio(values, std::vector<double>(values.size(), 1.0), options);
}

}  // namespace latency
