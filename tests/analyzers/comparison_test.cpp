#include <doctest/doctest.h>

#include <cmath>

#include "analyzers/analysis/comparison.hpp"
#include "latency/run_statistics.hpp"
#include "tests/analyzers/simulated_runs.hpp"

namespace {

using namespace latency::analysis;
using latency::test::run_simulator;
using latency::test::simulated_program;

std::vector<run_values> runs_of(std::initializer_list<double> values) {
  std::vector<run_values> runs;
  for (const double v : values) runs.push_back({v});
  return runs;
}

std::vector<run_values> simulated(run_simulator& random, const simulated_program& program, int runs,
                                  double slowdown) {
  std::vector<run_values> result;
  for (int i = 0; i < runs; ++i) result.push_back(random.run(program, slowdown));
  return result;
}

// In how many of `reports` at least one of `rows` is called different; the first row of the
// candidate is slower by `slowdown`. With one, only that row counts.
int reports_with_a_call(const simulated_program& program, int runs, int reports, int rows,
                        double slowdown = 0) {
  run_simulator random(20240229);
  comparison_rules rules;
  rules.rows = rows;
  int calls = 0;
  for (int report = 0; report < reports; ++report) {
    bool called = false;
    for (int row = 0; row < rows; ++row) {
      const auto base = simulated(random, program, runs, 0);
      const auto candidate = simulated(random, program, runs, row == 0 ? slowdown : 0);
      if (slowdown > 0 && row > 0) continue;
      const change verdict = compare(base, candidate, rules).verdict;
      called = called || verdict == change::slower || (slowdown == 0 && verdict == change::faster);
    }
    calls += called ? 1 : 0;
  }
  return calls;
}

}  // namespace

TEST_CASE("comparison: the interval is the one worked out by hand from the means of the runs") {
  // Logarithms: base 0, 0.01, -0.01; candidate 0.1 more. Pooled standard deviation 0.01 with 4
  // degrees of freedom; t(0.975, 4) = 2.776445; half width 2.776445 * 0.01 * sqrt(2 / 3).
  const auto result = compare(runs_of({std::exp(0.0), std::exp(0.01), std::exp(-0.01)}),
                              runs_of({std::exp(0.1), std::exp(0.11), std::exp(0.09)}), {});
  CHECK(result.spread_measured);
  CHECK(result.ratio == doctest::Approx(std::exp(0.1)));
  CHECK(*result.low == doctest::Approx(std::exp(0.1 - 0.0226696)));
  CHECK(*result.high == doctest::Approx(std::exp(0.1 + 0.0226696)));
  CHECK(result.verdict == change::slower);
  CHECK(result.over_threshold == excess::yes);
  CHECK(result.more_runs == 0);
}

TEST_CASE("comparison: sides exchanged give the inverse ratio, interval and verdict") {
  run_simulator random(7);
  for (const int runs : {1, 2, 4}) {
    const auto a = simulated(random, {}, runs, 0);
    const auto b = simulated(random, {}, runs, 0.2);
    const auto there = compare(a, b, {});
    const auto back = compare(b, a, {});
    CHECK(there.ratio * back.ratio == doctest::Approx(1));
    CHECK(*there.low * *back.high == doctest::Approx(1).epsilon(0.01));
    CHECK(there.verdict == change::slower);
    CHECK(back.verdict == change::faster);
    CHECK(back.over_threshold == excess::no);
  }
}

TEST_CASE("comparison: more rows in the report and a smaller rate of errors widen the interval") {
  const auto base = runs_of({1.0, 1.01, 0.99});
  const auto candidate = runs_of({1.02, 1.03, 1.01});
  comparison_rules rules;
  const auto alone = compare(base, candidate, rules);
  rules.rows = 20;
  const auto among_twenty = compare(base, candidate, rules);
  CHECK(*among_twenty.high > *alone.high);
  rules = {};
  rules.error_rate = 0.05 / 20;
  CHECK(*compare(base, candidate, rules).high == doctest::Approx(*among_twenty.high));
}

TEST_CASE("comparison: the same needs an interval within the threshold") {
  const auto base = runs_of({1.0, 1.001, 0.999});
  const auto candidate = runs_of({1.0, 1.0012, 0.9988});
  CHECK(compare(base, candidate, {}).verdict == change::same);
  comparison_rules strict;
  strict.threshold = 0.001;
  const auto unsure = compare(base, candidate, strict);
  CHECK(unsure.verdict == change::cannot_tell);
  CHECK(unsure.over_threshold == excess::perhaps);
  REQUIRE(unsure.more_runs);
  CHECK(*unsure.more_runs > 0);
}

TEST_CASE("comparison: as many more runs as it says do decide, and one fewer does not") {
  // Runs that alternate around 1 and 1.03 by 2 %: s stays as it is however many there are.
  const auto alternating = [](double center, std::int64_t count) {
    std::vector<run_values> runs;
    for (std::int64_t i = 0; i < count; ++i)
      runs.push_back({center * std::exp(i % 2 == 0 ? 0.02 : -0.02)});
    return runs;
  };
  const auto now = compare(alternating(1, 4), alternating(1.05, 4), {});
  CHECK(now.over_threshold == excess::perhaps);
  REQUIRE(now.more_runs);
  const std::int64_t enough = 4 + *now.more_runs;
  // The pooled deviation shrinks a little with more runs, so ask on both sides of the answer.
  CHECK(compare(alternating(1, enough + 2), alternating(1.05, enough + 2), {}).over_threshold ==
        excess::yes);
  CHECK(compare(alternating(1, enough / 2), alternating(1.05, enough / 2), {}).over_threshold ==
        excess::perhaps);
}

TEST_CASE("comparison: one run of few values cannot tell, and says what would") {
  const auto result = compare({{10, 11, 12}}, {{20, 21, 22}}, {});
  CHECK(result.ratio == doctest::Approx(63.0 / 33));
  CHECK_FALSE(result.low);
  CHECK(result.verdict == change::cannot_tell);
  CHECK(result.over_threshold == excess::perhaps);
  CHECK(result.more_runs == 2);
  CHECK(compare({{10, 11, 12}}, {{10, 11, 12}}, {}).over_threshold == excess::no);
}

TEST_CASE("comparison: a larger spread between runs than was assumed is taken") {
  const auto close = compare({run_values(60, 1.0), run_values(60, 1.0)},
                             {run_values(60, 1.05), run_values(60, 1.05)}, {});
  const auto apart = compare({run_values(60, 0.9), run_values(60, 1.1)},
                             {run_values(60, 0.95), run_values(60, 1.15)}, {});
  CHECK_FALSE(close.spread_measured);
  // Only the assumed 1 %: 1.959964 * 0.01.
  CHECK(*close.high == doctest::Approx(1.05 * std::exp(0.01959964)));
  CHECK(*apart.high > 1.2);
}

TEST_CASE("comparison: what is missing or takes no time gives no ratio") {
  CHECK(compare({}, {{1.0}}, {}).ratio == 0);
  CHECK(compare({{}}, {{1.0}}, {}).verdict == change::cannot_tell);
  const auto zero = compare({run_values(20, 0.0)}, {run_values(20, 1.0)}, {});
  CHECK(zero.ratio == 0);
  CHECK_FALSE(zero.low);
}

// Pairing makes the pattern of long and short steps cancel: without it the error is that of the
// pattern.
TEST_CASE("comparison: values of equally long runs are compared one by one") {
  run_values pattern;
  for (int i = 0; i < 100; ++i) pattern.push_back(i < 30 ? 1.0 : 3.0);
  run_values one_more = pattern;
  one_more.push_back(3.0);
  CHECK(compare({pattern}, {pattern}, {}).verdict == change::cannot_tell);  // the assumed 1 %
  comparison_rules none_assumed;
  none_assumed.run_to_run = 0;
  CHECK(*compare({pattern}, {pattern}, none_assumed).high == doctest::Approx(1));
  CHECK(*compare({pattern}, {one_more}, none_assumed).high > 1.1);
}

// Rates as docs/compare.md states them. A rate of exactly 5 % would show by chance up to two
// standard deviations more of it.
TEST_CASE("comparison: identical programs are called different in at most 5 % of reports") {
  constexpr int reports = 200;
  constexpr int rows = 12;
  const int most = static_cast<int>(reports * 0.05 + 2 * std::sqrt(reports * 0.05 * 0.95));
  simulated_program program;
  program.values = 60;
  SUBCASE("one run each, spread as assumed") {
    CHECK(reports_with_a_call(program, 1, reports, rows) <= most);
  }
  SUBCASE("one run each, few values") {
    program.values = 12;
    CHECK(reports_with_a_call(program, 1, reports, rows) <= most);
  }
  SUBCASE("two runs each") {
    CHECK(reports_with_a_call(program, 2, reports, rows) <= most);
  }
  SUBCASE("three runs each, whatever the spread") {
    program.run_to_run = 0.04;
    CHECK(reports_with_a_call(program, 3, reports, rows) <= most);
  }
  SUBCASE("five runs each") {
    CHECK(reports_with_a_call(program, 5, reports, rows) <= most);
  }
}

TEST_CASE("comparison: a program that is 5 % slower is found") {
  constexpr int reports = 200;
  constexpr int rows = 12;
  simulated_program program;
  program.noise = 0.02;
  program.hiccup_chance = 0;
  SUBCASE("by five runs each, in at least 95 % of reports") {
    CHECK(reports_with_a_call(program, 5, reports, rows, 0.05) >= reports * 95 / 100);
  }
  SUBCASE("by one run each, in at least half") {
    CHECK(reports_with_a_call(program, 1, reports, rows, 0.05) >= reports / 2);
  }
}
