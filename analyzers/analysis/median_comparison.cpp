#include "analyzers/analysis/median_comparison.hpp"

#include <algorithm>

#include "latency/statistics.hpp"

namespace latency::analysis {
namespace {

// Of the bootstrap. Beyond 2000 values the medians vary little and fewer resamples do: 200 still
// put 5 into each tail of a 95 % interval. Keeps it below a tenth of a second at any length.
constexpr std::int64_t most_draws = 4'000'000;
constexpr std::int64_t fewest_resamples = 200;

}  // namespace

const char* to_string(comparison_verdict verdict) {
  switch (verdict) {
    case comparison_verdict::slower:
      return "slower";
    case comparison_verdict::faster:
      return "faster";
    case comparison_verdict::no_difference:
      return "no difference found";
    case comparison_verdict::cannot_tell:
      return "cannot tell";
  }
  return "";
}

median_comparison compare_medians(const std::vector<std::int64_t>& base,
                                  const std::vector<std::int64_t>& values) {
  median_comparison result;
  result.n = static_cast<std::int64_t>(values.size());
  result.base_n = static_cast<std::int64_t>(base.size());
  if (!values.empty()) result.median_ns = median(values);
  if (!base.empty()) result.base_median_ns = median(base);
  if (values.empty() || base.empty()) return result;
  result.difference_ns = result.median_ns - result.base_median_ns;
  if (std::min(result.n, result.base_n) < median_minimum_n) return result;
  bootstrap_options options;
  options.resamples = static_cast<int>(std::clamp(
      most_draws / (result.n + result.base_n), fewest_resamples, std::int64_t{options.resamples}));
  const confidence_interval likely = bootstrap_difference(base, values, location::median, options);
  result.interval_low_ns = likely.low;
  result.interval_high_ns = likely.high;
  result.verdict = likely.low > 0    ? comparison_verdict::slower
                   : likely.high < 0 ? comparison_verdict::faster
                                     : comparison_verdict::no_difference;
  return result;
}

}  // namespace latency::analysis
