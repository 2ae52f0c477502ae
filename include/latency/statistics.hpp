#pragma once
// The one statistics module: every mean, percentile and interval in this project is computed here.
//
// All functions are pure and take any sized range of arithmetic values (std::vector, std::array,
// std::span, ... of double or int64), in the unit of the caller. Values must not be NaN. What is
// not defined for so few values (the mean of none, the standard deviation of one) is NaN.
// Percentiles interpolate linearly between order statistics, as numpy does by default. Cost is O(n)
// unless stated.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "latency/error.hpp"

namespace latency {

inline constexpr std::int64_t p99_least_n = 100;  // below it P99 is one or two single values

namespace detail {

inline constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

template <class Values>
std::vector<double> to_doubles(const Values& values) {
  std::vector<double> result;
  result.reserve(std::size(values));
  for (const auto& v : values) result.push_back(static_cast<double>(v));
  return result;
}

inline void check_percent(double percent) {
  if (!(percent >= 0 && percent <= 100))
    throw error("", "percentile", "must lie in 0..100, not " + std::to_string(percent));
}

// numpy's _lerp: exact at both ends and monotone in t.
inline double interpolate(double a, double b, double t) {
  return t < 0.5 ? a + (b - a) * t : b - (b - a) * (1 - t);
}

// Percentile that reorders `values`, for callers who own them.
inline double take_percentile(std::vector<double>& values, double percent) {
  if (values.empty()) return undefined;
  const double position = static_cast<double>(values.size() - 1) * (percent / 100);
  const auto below = static_cast<std::size_t>(position);
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(values.begin(), nth, values.end());
  const double low = *nth;
  if (below + 1 == values.size()) return low;
  const double high = *std::min_element(nth + 1, values.end());
  return interpolate(low, high, position - static_cast<double>(below));
}

}  // namespace detail

// Compensated (Neumaier) sum; exact for integers while every partial sum stays below 2^53.
template <class Values>
double sum(const Values& values) {
  double total = 0;
  double lost = 0;
  for (const auto& raw : values) {
    const double v = static_cast<double>(raw);
    const double next = total + v;
    lost += std::fabs(total) >= std::fabs(v) ? (total - next) + v : (v - next) + total;
    total = next;
  }
  return total + lost;
}

template <class Values>
double mean(const Values& values) {
  if (std::size(values) == 0) return detail::undefined;
  return sum(values) / static_cast<double>(std::size(values));
}

// Sample standard deviation (n - 1 in the denominator), two passes.
template <class Values>
double standard_deviation(const Values& values) {
  const std::size_t n = std::size(values);
  if (n < 2) return detail::undefined;
  const double center = mean(values);
  std::vector<double> squares;
  squares.reserve(n);
  for (const auto& v : values) {
    const double difference = static_cast<double>(v) - center;
    squares.push_back(difference * difference);
  }
  return std::sqrt(sum(squares) / static_cast<double>(n - 1));
}

template <class Values>
double minimum(const Values& values) {
  if (std::size(values) == 0) return detail::undefined;
  return static_cast<double>(*std::min_element(std::begin(values), std::end(values)));
}

template <class Values>
double maximum(const Values& values) {
  if (std::size(values) == 0) return detail::undefined;
  return static_cast<double>(*std::max_element(std::begin(values), std::end(values)));
}

// `percent` in 0..100, else latency::error. Copies the values.
template <class Values>
double percentile(const Values& values, double percent) {
  detail::check_percent(percent);
  std::vector<double> copy = detail::to_doubles(values);
  return detail::take_percentile(copy, percent);
}

template <class Values>
double median(const Values& values) {
  return percentile(values, 50);
}

// Median distance from the median, unscaled (times 1.4826 it estimates the deviation of a normal).
template <class Values>
double median_absolute_deviation(const Values& values) {
  std::vector<double> distances = detail::to_doubles(values);
  const double center = detail::take_percentile(distances, 50);
  for (double& v : distances) v = std::fabs(v - center);
  return detail::take_percentile(distances, 50);
}

struct summary {
  std::int64_t n = 0;
  double sum = 0;
  double mean = detail::undefined;
  double stddev = detail::undefined;
  double min = detail::undefined;
  double p50 = detail::undefined;
  double p95 = detail::undefined;
  double p99 = detail::undefined;
  double max = detail::undefined;
  bool p99_valid = false;  // n >= p99_least_n; tables show no P99 otherwise
};

// Everything a table row shows. O(n log n).
template <class Values>
summary summarize(const Values& values) {
  summary result;
  std::vector<double> sorted = detail::to_doubles(values);
  result.n = static_cast<std::int64_t>(sorted.size());
  if (sorted.empty()) return result;
  result.sum = sum(sorted);
  result.mean = mean(sorted);
  result.stddev = standard_deviation(sorted);
  std::sort(sorted.begin(), sorted.end());
  const auto at = [&sorted](double percent) {
    const double position = static_cast<double>(sorted.size() - 1) * (percent / 100);
    const auto below = static_cast<std::size_t>(position);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return detail::interpolate(sorted[below], sorted[above], position - static_cast<double>(below));
  };
  result.min = sorted.front();
  result.p50 = at(50);
  result.p95 = at(95);
  result.p99 = at(99);
  result.max = sorted.back();
  result.p99_valid = result.n >= p99_least_n;
  return result;
}

// A percentile-bootstrap confidence interval.
struct confidence_interval {
  double estimate = detail::undefined;  // of the values as they are
  double low = detail::undefined;
  double high = detail::undefined;
  double level = 0;
};

struct bootstrap_options {
  int resamples = 2000;
  double level = 0.95;     // in (0, 1)
  std::uint64_t seed = 1;  // equal seeds give equal intervals, on every platform
};

enum class location { mean, median };

namespace detail {

// Uniform over 0..n-1. The standard fixes the generator's output but not its distributions', so
// that results agree across libraries the reduction is done here, without bias.
inline std::size_t draw(std::mt19937_64& random, std::size_t n) {
  const std::uint64_t limit = std::numeric_limits<std::uint64_t>::max() / n * n;
  std::uint64_t value = random();
  while (value >= limit) value = random();
  return static_cast<std::size_t>(value % n);
}

inline double take_location(std::vector<double>& values, location of) {
  return of == location::mean ? mean(values) : take_percentile(values, 50);
}

inline double resampled_location(const std::vector<double>& values, location of,
                                 std::mt19937_64& random, std::vector<double>& scratch) {
  scratch.resize(values.size());
  for (double& v : scratch) v = values[draw(random, values.size())];
  return take_location(scratch, of);
}

template <class Resample>
confidence_interval bootstrap(double estimate, const bootstrap_options& options,
                              Resample resample) {
  if (options.resamples < 1) throw error("", "bootstrap", "needs at least one resample");
  if (!(options.level > 0 && options.level < 1))
    throw error("", "bootstrap", "level must lie in (0, 1), not " + std::to_string(options.level));
  std::mt19937_64 random(options.seed);
  std::vector<double> estimates(static_cast<std::size_t>(options.resamples));
  for (double& e : estimates) e = resample(random);
  const double tail = 50 * (1 - options.level);
  confidence_interval result;
  result.estimate = estimate;
  result.low = take_percentile(estimates, tail);
  result.high = take_percentile(estimates, 100 - tail);
  result.level = options.level;
  return result;
}

}  // namespace detail

// Interval of the mean or median; NaN for no values. O(resamples * n).
template <class Values>
confidence_interval bootstrap_interval(const Values& values, location of,
                                       const bootstrap_options& options = {}) {
  const std::vector<double> sample = detail::to_doubles(values);
  if (sample.empty()) return {};
  std::vector<double> scratch = sample;
  return detail::bootstrap(detail::take_location(scratch, of), options,
                           [&](std::mt19937_64& random) {
                             return detail::resampled_location(sample, of, random, scratch);
                           });
}

namespace detail {

// Interval of combine(location(before), location(after)).
template <class Before, class After, class Combine>
confidence_interval bootstrap_two(const Before& before, const After& after, location of,
                                  const bootstrap_options& options, Combine combine) {
  const std::vector<double> old_sample = to_doubles(before);
  const std::vector<double> new_sample = to_doubles(after);
  if (old_sample.empty() || new_sample.empty()) return {};
  std::vector<double> scratch = new_sample;
  const double new_location = take_location(scratch, of);
  scratch = old_sample;
  const double estimate = combine(take_location(scratch, of), new_location);
  return bootstrap(estimate, options, [&](std::mt19937_64& random) {
    const double resampled_old = resampled_location(old_sample, of, random, scratch);
    return combine(resampled_old, resampled_location(new_sample, of, random, scratch));
  });
}

}  // namespace detail

// Interval of location(after) - location(before), each resampled independently; NaN when either has
// no values. O(resamples * n).
template <class Before, class After>
confidence_interval bootstrap_difference(const Before& before, const After& after, location of,
                                         const bootstrap_options& options = {}) {
  return detail::bootstrap_two(before, after, of, options,
                               [](double old, double now) { return now - old; });
}

// Interval of location(after) / location(before), for positive values; otherwise the same.
template <class Before, class After>
confidence_interval bootstrap_ratio(const Before& before, const After& after, location of,
                                    const bootstrap_options& options = {}) {
  return detail::bootstrap_two(before, after, of, options,
                               [](double old, double now) { return now / old; });
}

}  // namespace latency
