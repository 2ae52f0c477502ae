#include "latency/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "latency/statistics.hpp"

using latency::histogram;

namespace {

// Values spread over all magnitudes up to 2^40, so that every bucket width is met.
rc::Gen<std::vector<std::int64_t>> wide_values() {
  return rc::gen::nonEmpty(rc::gen::container<std::vector<std::int64_t>>(rc::gen::apply(
      [](std::uint64_t bits, int keep) { return static_cast<std::int64_t>(bits >> (64 - keep)); },
      rc::gen::arbitrary<std::uint64_t>(), rc::gen::inRange(1, 41))));
}

}  // namespace

TEST_CASE("histogram: percentiles stay within the promised relative error") {
  CHECK(rc::check([] {
    const auto values = *wide_values();
    const int digits = *rc::gen::inRange(1, 6);
    const double percent = *rc::gen::inRange(0, 1001) / 10.0;
    histogram h(digits);
    for (const std::int64_t v : values) h.record(v);
    const double exact = latency::percentile(values, percent);
    RC_ASSERT(h.relative_error_bound() <= 0.5 * std::pow(10, -digits));
    RC_ASSERT(std::fabs(h.percentile(percent) - exact) <=
              exact * h.relative_error_bound() * (1 + 1e-12));
  }));
}

TEST_CASE("histogram: count, sum, minimum, maximum and mean are exact") {
  CHECK(rc::check([] {
    const auto values = *wide_values();
    histogram h(1);
    std::int64_t sum = 0;
    for (const std::int64_t v : values) {
      h.record(v);
      sum += v;
    }
    RC_ASSERT(h.count() == static_cast<std::int64_t>(values.size()));
    RC_ASSERT(h.sum() == sum);
    RC_ASSERT(h.minimum() == *std::min_element(values.begin(), values.end()));
    RC_ASSERT(h.maximum() == *std::max_element(values.begin(), values.end()));
    RC_ASSERT(h.mean() == static_cast<double>(sum) / static_cast<double>(values.size()));
  }));
}

TEST_CASE("histogram: merging is recording everything into one") {
  CHECK(rc::check([] {
    const auto first = *wide_values();
    const auto second = *wide_values();
    histogram a(2);
    histogram b(2);
    histogram both(2);
    for (const std::int64_t v : first) a.record(v), both.record(v);
    for (const std::int64_t v : second) b.record(v), both.record(v);
    a.merge(b);
    RC_ASSERT(a.count() == both.count());
    RC_ASSERT(a.sum() == both.sum());
    RC_ASSERT(a.minimum() == both.minimum());
    RC_ASSERT(a.maximum() == both.maximum());
    for (const double percent : {0.0, 1.0, 50.0, 95.0, 100.0})
      RC_ASSERT(a.percentile(percent) == both.percentile(percent));
  }));
}

TEST_CASE("histogram: small values are kept exactly") {
  histogram h(2);  // 256 linear buckets
  for (std::int64_t v = 0; v < 256; ++v) h.record(v);
  for (int p = 0; p <= 100; p += 20) CHECK(h.percentile(p) == doctest::Approx(255 * p / 100.0));
}

TEST_CASE("histogram: a bucket stands for the middle of its integers") {
  histogram h(1);  // 32 linear buckets, then 16 of width 2, ...
  h.record(32);
  h.record(33);
  h.record(1000);
  CHECK(h.percentile(0) == 32.5);    // 32 and 33
  CHECK(h.percentile(100) == 1000);  // the bucket is 992..1023, held at the maximum
}

TEST_CASE("histogram: values outside the range are counted and enter the exact figures") {
  histogram h(2, 1000);
  h.record(-5);
  h.record(1000);
  h.record(1001);
  h.record(5000);
  CHECK(h.below_range() == 1);
  CHECK(h.above_range() == 2);
  CHECK(h.count() == 4);
  CHECK(h.sum() == 6996);
  CHECK(h.minimum() == -5);
  CHECK(h.maximum() == 5000);
  CHECK(h.percentile(0) == -5);
  CHECK(h.percentile(100) == 5000);
  histogram other(2, 1000);
  other.record(-1);
  other.record(9999);
  h.merge(other);
  CHECK(h.below_range() == 2);
  CHECK(h.above_range() == 3);
}

TEST_CASE("histogram: the extremes of int64 do no harm") {
  using limits = std::numeric_limits<std::int64_t>;
  histogram h(5, limits::max());
  h.record(limits::max());
  h.record(limits::max());
  h.record(limits::min());
  CHECK(h.count() == 3);
  CHECK(h.below_range() == 1);
  CHECK(h.maximum() == limits::max());
  CHECK(h.minimum() == limits::min());
  CHECK(h.sum() == limits::max() + limits::min());
}

TEST_CASE("histogram: memory is fixed and as documented") {
  histogram h(2);
  const std::int64_t bytes = h.bytes();
  CHECK(bytes <= 8 * (256 + 128 * (42 - 8)));
  CHECK(bytes > 8 * (256 + 128 * (41 - 8)));
  for (std::int64_t v = 1; v > 0 && v < std::int64_t{1} << 60; v *= 3) h.record(v);
  CHECK(h.bytes() == bytes);
  CHECK(histogram(3).bytes() == 267368);
  CHECK(noexcept(h.record(1)));
}

TEST_CASE("histogram: nothing recorded has no percentile") {
  const histogram h;
  CHECK(h.count() == 0);
  CHECK(h.minimum() == 0);
  CHECK(h.maximum() == 0);
  CHECK(std::isnan(h.percentile(50)));
  CHECK(std::isnan(h.mean()));
}

TEST_CASE("histogram: impossible parameters and unlike merges are refused") {
  CHECK_THROWS_WITH_AS(histogram(0), "histogram: 1 to 5 significant digits, not 0", latency::error);
  CHECK_THROWS_AS(histogram(6), latency::error);
  CHECK_THROWS_AS(histogram(3, 0), latency::error);
  histogram a(2);
  CHECK_THROWS_AS(a.merge(histogram(3)), latency::error);
  CHECK_THROWS_AS(a.merge(histogram(2, 1000)), latency::error);
  CHECK_THROWS_AS((void)a.percentile(101), latency::error);
}
