#include "analyzers/analysis/comparison.hpp"

#include <algorithm>
#include <cmath>

#include "latency/run_statistics.hpp"

namespace latency::analysis {
namespace {

constexpr double measured_degrees = 4;  // fewer would make intervals of little use
constexpr std::int64_t most_runs = 1000;
constexpr int resamples = 500;  // for a standard error, not for a tail

// The runs of one side that have values.
struct side {
  std::vector<const run_values*> runs;
  std::vector<double> logs;  // of their means
  std::int64_t n = 0;

  explicit side(const std::vector<run_values>& all) {
    for (const run_values& values : all) {
      if (values.empty()) continue;
      runs.push_back(&values);
      logs.push_back(std::log(mean(values)));
      n += static_cast<std::int64_t>(values.size());
    }
  }
  [[nodiscard]] double count() const { return static_cast<double>(runs.size()); }
  // Of one run, or 0 when they differ.
  [[nodiscard]] std::size_t common_size() const {
    for (const run_values* values : runs)
      if (values->size() != runs.front()->size()) return 0;
    return runs.front()->size();
  }
  [[nodiscard]] std::size_t smallest_size() const {
    std::size_t smallest = runs.front()->size();
    for (const run_values* values : runs) smallest = std::min(smallest, values->size());
    return smallest;
  }
  // Value by value over the runs, which must be of one size.
  [[nodiscard]] std::vector<double> sums_by_position() const {
    std::vector<double> sums(runs.front()->size(), 0.0);
    for (const run_values* values : runs)
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += (*values)[i];
    return sums;
  }
  [[nodiscard]] std::vector<double> one_after_the_other() const {
    std::vector<double> all;
    for (const run_values* values : runs) all.insert(all.end(), values->begin(), values->end());
    return all;
  }
};

double sum_of_squares(const std::vector<double>& logs) {
  const double center = mean(logs);
  double result = 0;
  for (const double y : logs) result += (y - center) * (y - center);
  return result;
}

// Standard deviation of y for a single run, and how well it is known.
struct run_spread {
  double deviation = 0;
  double degrees = 0;
  bool measured = false;
};

log_ratio_error error_within_runs(const side& base, const side& candidate) {
  bootstrap_options options;
  options.resamples = resamples;
  if (base.common_size() != 0 && base.common_size() == candidate.common_size())
    return bootstrap_log_ratio(candidate.sums_by_position(), base.sums_by_position(), options);
  const log_ratio_error b = bootstrap_log_mean(base.one_after_the_other(), options);
  const log_ratio_error c = bootstrap_log_mean(candidate.one_after_the_other(), options);
  return {std::hypot(b.standard_error, c.standard_error),
          std::min(b.degrees_of_freedom, c.degrees_of_freedom)};
}

std::optional<run_spread> spread_of(const side& base, const side& candidate,
                                    const comparison_rules& rules) {
  const double degrees = base.count() + candidate.count() - 2;
  const double between =
      degrees > 0
          ? std::sqrt((sum_of_squares(base.logs) + sum_of_squares(candidate.logs)) / degrees)
          : 0;
  if (degrees >= measured_degrees) return run_spread{between, degrees, true};
  if (std::min(base.smallest_size(), candidate.smallest_size()) < comparison_minimum_n)
    return std::nullopt;
  const log_ratio_error within = error_within_runs(base, candidate);
  if (!std::isfinite(within.standard_error)) return std::nullopt;
  // Per run, as if both sides had one.
  const double share = 1 / base.count() + 1 / candidate.count();
  const double within_variance = within.standard_error * within.standard_error / share;
  const double known_variance = rules.run_to_run * rules.run_to_run;
  const double variance = std::max(within_variance + known_variance, between * between);
  run_spread result{std::sqrt(variance), most_degrees_of_freedom, false};
  if (within_variance > 0)  // Welch and Satterthwaite: only this part is estimated
    result.degrees = std::min(result.degrees, within.degrees_of_freedom * variance * variance /
                                                  (within_variance * within_variance));
  return result;
}

double quantile(const comparison_rules& rules, double degrees) {
  const double tail = rules.error_rate / static_cast<double>(std::max<std::int64_t>(1, rules.rows));
  return student_t_quantile(1 - tail / 2, degrees);
}

change verdict_of(double low, double high, double margin) {
  if (low > 0) return change::slower;
  if (high < 0) return change::faster;
  return low >= -margin && high <= margin ? change::same : change::cannot_tell;
}

excess excess_of(double low, double high, double margin) {
  if (low > margin) return excess::yes;
  return high > margin ? excess::perhaps : excess::no;
}

bool decided(double log_ratio, double half_width, double margin) {
  const double low = log_ratio - half_width;
  const double high = log_ratio + half_width;
  return verdict_of(low, high, margin) != change::cannot_tell &&
         excess_of(low, high, margin) != excess::perhaps;
}

// Runs on each side that decide, if spread and estimate stay.
std::optional<std::int64_t> deciding_runs(double log_ratio, double deviation, double margin,
                                          const comparison_rules& rules, std::int64_t from) {
  const auto enough = [&](std::int64_t runs) {
    const double n = static_cast<double>(runs);
    return decided(log_ratio, quantile(rules, 2 * n - 2) * deviation * std::sqrt(2 / n), margin);
  };
  if (!enough(most_runs)) return std::nullopt;
  std::int64_t low = std::max<std::int64_t>(from, 3);
  std::int64_t high = most_runs;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (enough(middle))
      high = middle;
    else
      low = middle + 1;
  }
  return high;
}

}  // namespace

const char* to_string(change verdict) {
  switch (verdict) {
    case change::faster:
      return "faster";
    case change::slower:
      return "slower";
    case change::same:
      return "same";
    case change::cannot_tell:
      return "cannot tell";
  }
  return "";
}

const char* to_string(excess over) {
  switch (over) {
    case excess::no:
      return "no";
    case excess::perhaps:
      return "perhaps";
    case excess::yes:
      return "yes";
  }
  return "";
}

comparison compare(const std::vector<run_values>& base_runs,
                   const std::vector<run_values>& candidate_runs, const comparison_rules& rules) {
  const side base(base_runs);
  const side candidate(candidate_runs);
  comparison result;
  result.base_runs = static_cast<std::int64_t>(base.runs.size());
  result.candidate_runs = static_cast<std::int64_t>(candidate.runs.size());
  result.base_n = base.n;
  result.candidate_n = candidate.n;
  if (base.runs.empty() || candidate.runs.empty()) return result;
  const double base_log = mean(base.logs);
  const double candidate_log = mean(candidate.logs);
  result.base_mean = std::exp(base_log);
  result.candidate_mean = std::exp(candidate_log);
  if (!std::isfinite(base_log) || !std::isfinite(candidate_log)) return result;

  const double log_ratio = candidate_log - base_log;
  const double margin = std::log1p(rules.threshold);
  const std::int64_t fewest = std::min(result.base_runs, result.candidate_runs);
  result.ratio = std::exp(log_ratio);
  const std::optional<run_spread> spread = spread_of(base, candidate, rules);
  if (!spread) {
    result.over_threshold = log_ratio > margin ? excess::perhaps : excess::no;
    result.more_runs = std::max<std::int64_t>(1, 3 - fewest);
    return result;
  }
  result.spread_measured = spread->measured;
  const double half_width = quantile(rules, spread->degrees) * spread->deviation *
                            std::sqrt(1 / base.count() + 1 / candidate.count());
  const double low = log_ratio - half_width;
  const double high = log_ratio + half_width;
  result.low = std::exp(low);
  result.high = std::exp(high);
  result.verdict = verdict_of(low, high, margin);
  result.over_threshold = excess_of(low, high, margin);
  if (decided(log_ratio, half_width, margin))
    result.more_runs = 0;
  else if (const auto runs = deciding_runs(log_ratio, spread->deviation, margin, rules, fewest + 1))
    result.more_runs = *runs - fewest;
  return result;
}

}  // namespace latency::analysis
