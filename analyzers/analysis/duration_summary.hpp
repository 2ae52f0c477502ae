#pragma once
// The one shape in which the analysis reports many durations.

#include <cstdint>
#include <optional>
#include <vector>

namespace latency::analysis {

// P99 is only given for at least this many values: below, it is the maximum under another name.
inline constexpr std::int64_t p99_minimum_n = 100;

// Of `n` durations; all zero when n is 0. Percentiles by linear interpolation (numpy's default).
struct duration_summary {
  std::int64_t n = 0;
  double mean_ns = 0;
  double standard_deviation_ns = 0;  // of the sample (n - 1); 0 when n < 2
  double p50_ns = 0;
  double p95_ns = 0;
  std::optional<double> p99_ns;  // only when n >= p99_minimum_n
  double min_ns = 0;
  double max_ns = 0;
};

// Sorts `values_ns` in place. O(n log n).
[[nodiscard]] duration_summary summarize(std::vector<double>& values_ns);

}  // namespace latency::analysis
