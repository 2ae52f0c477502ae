#include "latency/statistics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

using doctest::Approx;
using latency::location;

namespace {

const std::vector<double> ten = {3.5, -1, 12, 7.25, 0, 4, 9.75, 2, 2, 30};

// numpy's linear interpolation, written from its documentation on a sorted copy.
double sorted_percentile(std::vector<double> values, double percent) {
  std::sort(values.begin(), values.end());
  const double position = percent / 100 * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(std::floor(position));
  const auto high = static_cast<std::size_t>(std::ceil(position));
  const double part = position - static_cast<double>(low);
  return values[low] * (1 - part) + values[high] * part;
}

}  // namespace

TEST_CASE("statistics: mean and sample standard deviation of known values") {
  const std::array<std::int64_t, 8> values = {2, 4, 4, 4, 5, 5, 7, 9};
  CHECK(latency::sum(values) == 40);
  CHECK(latency::mean(values) == 5);
  CHECK(latency::standard_deviation(values) == Approx(std::sqrt(32.0 / 7)).epsilon(1e-15));
  CHECK(latency::minimum(values) == 2);
  CHECK(latency::maximum(values) == 9);
}

TEST_CASE("statistics: percentiles interpolate linearly, as numpy does") {
  // sorted: -1 0 2 2 3.5 4 7.25 9.75 12 30
  CHECK(latency::percentile(ten, 0) == -1);
  CHECK(latency::percentile(ten, 100) == 30);
  CHECK(latency::percentile(ten, 50) == 3.75);
  CHECK(latency::percentile(ten, 25) == 2);             // position 2.25, between 2 and 2
  CHECK(latency::percentile(ten, 10) == Approx(-0.1));  // position 0.9
  CHECK(latency::percentile(ten, 95) == Approx(21.9));  // position 8.55
  CHECK(latency::percentile(ten, 99) == Approx(28.38));
  CHECK(latency::median(std::vector<std::int64_t>{3, 1, 2}) == 2);
  CHECK(latency::percentile(std::vector<double>{7}, 99) == 7);
}

TEST_CASE("statistics: a percentile outside 0..100 is refused") {
  CHECK_THROWS_WITH_AS(latency::percentile(ten, 100.5),
                       "percentile: must lie in 0..100, not 100.500000", latency::error);
  CHECK_THROWS_AS(latency::percentile(ten, -1), latency::error);
  CHECK_THROWS_AS(latency::percentile(ten, std::nan("")), latency::error);
}

TEST_CASE("statistics: what too few values do not define is NaN") {
  const std::vector<double> none;
  CHECK(std::isnan(latency::mean(none)));
  CHECK(std::isnan(latency::median(none)));
  CHECK(std::isnan(latency::minimum(none)));
  CHECK(std::isnan(latency::maximum(none)));
  CHECK(std::isnan(latency::median_absolute_deviation(none)));
  CHECK(std::isnan(latency::standard_deviation(std::vector<double>{1})));
  const latency::summary empty = latency::summarize(none);
  CHECK(empty.n == 0);
  CHECK(empty.sum == 0);
  CHECK(std::isnan(empty.p50));
  CHECK(std::isnan(latency::bootstrap_interval(none, location::mean).low));
  CHECK(std::isnan(latency::bootstrap_difference(none, ten, location::mean).estimate));
  CHECK(std::isnan(latency::bootstrap_difference(ten, none, location::mean).estimate));
}

TEST_CASE("statistics: sums keep what plain addition loses") {
  const std::vector<double> values = {1, 1e100, 1, -1e100};
  CHECK(latency::sum(values) == 2);
  std::vector<std::int64_t> large(1000, (std::int64_t{1} << 43) + 1);
  CHECK(latency::sum(large) == 1000 * (std::ldexp(1.0, 43) + 1));
}

TEST_CASE("statistics: the deviation of values far from zero keeps its digits") {
  const std::vector<double> values = {1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16};
  CHECK(latency::standard_deviation(values) == Approx(std::sqrt(30.0)).epsilon(1e-12));
}

TEST_CASE("statistics: a summary marks P99 invalid below 100 values") {
  std::vector<std::int64_t> values(99);
  std::iota(values.begin(), values.end(), 1);
  CHECK_FALSE(latency::summarize(values).p99_valid);
  values.push_back(100);
  const latency::summary s = latency::summarize(values);
  CHECK(s.p99_valid);
  CHECK(s.n == 100);
  CHECK(s.sum == 5050);
  CHECK(s.mean == 50.5);
  CHECK(s.min == 1);
  CHECK(s.p50 == 50.5);
  CHECK(s.p95 == Approx(95.05));
  CHECK(s.p99 == Approx(99.01));
  CHECK(s.max == 100);
  CHECK(s.stddev == Approx(29.011491975882016));  // statistics.stdev(range(1, 101))
}

TEST_CASE("statistics: the median absolute deviation ignores an outlier") {
  // median 2, distances 1 1 0 0 2 4 7
  CHECK(latency::median_absolute_deviation(std::vector<double>{1, 1, 2, 2, 4, 6, 9}) == 1);
  CHECK(latency::median_absolute_deviation(std::vector<double>{1, 1, 2, 2, 4, 6, 1e9}) == 1);
}

TEST_CASE("statistics: percentile and summary agree with a plain sorted computation") {
  CHECK(rc::check([] {
    const auto ints = *rc::gen::nonEmpty<std::vector<std::int32_t>>();
    const std::vector<double> values(ints.begin(), ints.end());
    const double percent = *rc::gen::inRange(0, 10001) / 100.0;
    const double expected = sorted_percentile(values, percent);
    RC_ASSERT(std::fabs(latency::percentile(ints, percent) - expected) <= 1e-5);
    const latency::summary s = latency::summarize(values);
    RC_ASSERT(s.p50 == latency::percentile(values, 50));
    RC_ASSERT(s.p95 == latency::percentile(values, 95));
    RC_ASSERT(s.p99 == latency::percentile(values, 99));
    RC_ASSERT(s.min <= s.p50 && s.p50 <= s.p95 && s.p95 <= s.p99 && s.p99 <= s.max);
    RC_ASSERT(s.min <= s.mean && s.mean <= s.max);
  }));
}

TEST_CASE("bootstrap: equal seeds give equal intervals, other seeds others") {
  latency::bootstrap_options options;
  const auto a = latency::bootstrap_interval(ten, location::mean, options);
  const auto b = latency::bootstrap_interval(ten, location::mean, options);
  CHECK(a.low == b.low);
  CHECK(a.high == b.high);
  options.seed = 2;
  const auto c = latency::bootstrap_interval(ten, location::mean, options);
  CHECK((a.low != c.low || a.high != c.high));
}

TEST_CASE("bootstrap: the interval of a mean is about the normal one for many values") {
  std::vector<double> values;
  for (int i = 0; i < 400; ++i) values.push_back(i % 20);
  const auto interval = latency::bootstrap_interval(values, location::mean);
  const double half = 1.96 * latency::standard_deviation(values) / 20;
  CHECK(interval.estimate == 9.5);
  CHECK(interval.low == Approx(9.5 - half).epsilon(0.01));
  CHECK(interval.high == Approx(9.5 + half).epsilon(0.01));
  latency::bootstrap_options options;
  options.level = 0.5;
  const auto narrow = latency::bootstrap_interval(values, location::mean, options);
  CHECK(narrow.level == 0.5);
  CHECK(narrow.high - narrow.low == Approx(2 * 0.6745 * half / 1.96).epsilon(0.1));
}

TEST_CASE("bootstrap: a difference is after minus before and finds a shift") {
  std::vector<double> before;
  std::vector<std::int64_t> after;
  for (int i = 0; i < 100; ++i) {
    before.push_back(100 + i % 7);
    after.push_back(110 + i % 7);
  }
  for (const location of : {location::mean, location::median}) {
    const auto d = latency::bootstrap_difference(before, after, of);
    CHECK(d.estimate == Approx(10));
    CHECK(d.low > 8);
    CHECK(d.high < 12);
    CHECK(d.low <= d.estimate);
    CHECK(d.estimate <= d.high);
  }
}

TEST_CASE("bootstrap: a ratio is after over before, and its interval holds the true one as often") {
  CHECK(std::isnan(latency::bootstrap_ratio(std::vector<int>{}, ten, location::median).estimate));
  // Medians 20 and 30. Of two values resampled, the median is either or their mean.
  const auto r = latency::bootstrap_ratio(std::vector<int>{19, 21}, std::vector<int>{27, 33},
                                          location::median);
  CHECK(r.estimate == 1.5);
  CHECK(r.low == doctest::Approx(27.0 / 21));
  CHECK(r.high == doctest::Approx(33.0 / 19));

  std::mt19937_64 random(7);
  int covered = 0;
  constexpr int experiments = 300;
  for (int i = 0; i < experiments; ++i) {
    std::vector<double> before, after;
    for (int k = 0; k < 10; ++k) {
      before.push_back(100 + static_cast<double>(random() % 1000) / 100);
      after.push_back(1.1 * (100 + static_cast<double>(random() % 1000) / 100));
    }
    const auto interval = latency::bootstrap_ratio(before, after, location::median);
    covered += interval.low <= 1.1 && interval.high >= 1.1 ? 1 : 0;
  }
  CHECK_MESSAGE(covered >= 0.9 * experiments, covered);
  CHECK_MESSAGE(covered < experiments, covered);
}

TEST_CASE("bootstrap: the interval of one repeated value is that value") {
  const std::vector<std::int64_t> values(50, 8);
  const auto interval = latency::bootstrap_interval(values, location::median);
  CHECK(interval.low == 8);
  CHECK(interval.high == 8);
}

TEST_CASE("bootstrap: impossible options are refused") {
  latency::bootstrap_options options;
  options.resamples = 0;
  CHECK_THROWS_AS(latency::bootstrap_interval(ten, location::mean, options), latency::error);
  options.resamples = 10;
  options.level = 1;
  CHECK_THROWS_AS(latency::bootstrap_interval(ten, location::mean, options), latency::error);
}

TEST_CASE("bootstrap: draws are uniform over the sample") {
  std::mt19937_64 random(7);
  std::array<int, 5> seen{};
  for (int i = 0; i < 50000; ++i) ++seen[latency::detail::draw(random, seen.size())];
  for (const int n : seen) CHECK(n == Approx(10000).epsilon(0.05));
}
