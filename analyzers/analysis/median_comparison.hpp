#pragma once
// Are the durations of one group longer than those of another? By the difference of their medians.

#include <cstdint>
#include <optional>
#include <vector>

namespace latency::analysis {

enum class comparison_verdict : std::uint8_t { slower, faster, no_difference, cannot_tell };
[[nodiscard]] const char* to_string(comparison_verdict verdict);

// Fewer values than this on a side resample to so few different medians that the interval means
// nothing (4 values: 35 multisets): the answer is then "cannot tell".
inline constexpr std::int64_t median_minimum_n = 5;

struct median_comparison {
  std::int64_t n = 0;
  std::int64_t base_n = 0;
  double median_ns = 0;  // 0 without values
  double base_median_ns = 0;
  double difference_ns = 0;  // of the medians; 0 when a side has no values
  // 95 % bootstrap interval of the difference; only with enough values on both sides.
  std::optional<double> interval_low_ns;
  std::optional<double> interval_high_ns;
  // Of the values against the base: by the side of zero that the interval lies on.
  comparison_verdict verdict = comparison_verdict::cannot_tell;
};

// Pure; O(n) with a factor of at most 2000 resamples.
[[nodiscard]] median_comparison compare_medians(const std::vector<std::int64_t>& base,
                                                const std::vector<std::int64_t>& values);

}  // namespace latency::analysis
