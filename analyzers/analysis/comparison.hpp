#pragma once
// Is the candidate faster or slower than the base? One ratio, its interval and a verdict, from the
// values of one component in the runs of both sides. docs/compare.md explains the method to users.
//
// The unit is the run. y = log of a run's mean; the ratio is exp(mean y of the candidate's runs -
// mean y of the base's). Its standard error is s * sqrt(1 / base runs + 1 / candidate runs):
//   measured  with at least 4 degrees of freedom between runs (3 runs on each side, say): s is the
//             pooled standard deviation of y within the sides, with that many degrees of freedom;
//   assumed   with fewer: s holds the spread between runs that the caller names (it cannot be seen
//             in so few runs, but a larger one that is seen is taken) and the error within a run
//             (run_statistics.hpp: a block bootstrap, for neighbours resemble each other), in which
//             value i is paired with value i when all runs have equally many.
// The interval is Student's t at level 1 - error_rate / rows (Bonferroni): with all rows of a
// report together, all intervals hold the true ratio in at least 1 - error_rate of reports, however
// the rows depend on each other. Assumes that runs are independent and, for few runs, that y is
// about normal with the same spread on both sides.

#include <cstdint>
#include <optional>
#include <vector>

namespace latency::analysis {

using run_values = std::vector<double>;  // of one component in one run, in order of time; >= 0

struct comparison_rules {
  double threshold = 0.02;   // a slowdown that matters, 0.02 = 2 %; above 0
  double run_to_run = 0.01;  // relative standard deviation between runs while it is not measured
  double error_rate = 0.05;  // over all rows
  std::int64_t rows = 1;     // intervals of the report that this one belongs to
};

enum class change : std::uint8_t {
  faster,      // the interval lies below 1
  slower,      // above 1
  same,        // holds 1, and lies within 1 / (1 + threshold) .. 1 + threshold
  cannot_tell  // anything else
};
[[nodiscard]] const char* to_string(change verdict);  // "cannot tell"

enum class excess : std::uint8_t { no, perhaps, yes };  // is it slower than the threshold?
[[nodiscard]] const char* to_string(excess over);

struct comparison {
  std::int64_t base_runs = 0;  // that have values
  std::int64_t candidate_runs = 0;
  std::int64_t base_n = 0;  // values of all runs
  std::int64_t candidate_n = 0;
  double base_mean = 0;  // geometric mean of the means of the runs
  double candidate_mean = 0;
  double ratio = 0;  // candidate / base, above 1 = slower; 0 when a mean is 0 or a side is empty
  std::optional<double> low;  // none: too few values to say anything
  std::optional<double> high;
  bool spread_measured = false;
  change verdict = change::cannot_tell;
  excess over_threshold = excess::perhaps;
  // Further runs on each side after which both questions would be decided, if estimate and spread
  // stay as they are; 0 when they are. None: more than 1000, or not known.
  std::optional<std::int64_t> more_runs;
};

// Fewer values in a run than this tell nothing of its error.
inline constexpr std::int64_t comparison_minimum_n = 12;

// Pure; O(values + resamples of a bootstrap).
[[nodiscard]] comparison compare(const std::vector<run_values>& base,
                                 const std::vector<run_values>& candidate,
                                 const comparison_rules& rules);

}  // namespace latency::analysis
