#include "analyzers/timeline/order_statistics.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "latency/statistics.hpp"

using latency::summarize;
using latency::summary;
using latency::timeline::durations_with;
using latency::timeline::kept_summary;

namespace {

kept_summary kept_of(const std::vector<std::int64_t>& measured) {
  const summary s = summarize(measured);
  const auto whole = [](double ns) { return std::llround(ns); };
  return {static_cast<std::int64_t>(measured.size()),
          whole(s.min),
          whole(s.p50),
          whole(s.p95),
          whole(s.p99),
          whole(s.max),
          std::accumulate(measured.begin(), measured.end(), std::int64_t{0})};
}

}  // namespace

TEST_CASE("order_statistics: up to six durations are determined by their summary") {
  CHECK(durations_with(kept_of({7})) == std::vector<std::int64_t>{7});
  CHECK(durations_with(kept_of({3, 9})) == std::vector<std::int64_t>{3, 9});
  CHECK(durations_with(kept_of({3000, 5000, 9000})) == std::vector<std::int64_t>{3000, 5000, 9000});
  const std::vector<std::int64_t> five = {100'000, 120'000, 150'000, 180'000, 400'000};
  CHECK(durations_with(kept_of(five)) == five);
  CHECK(durations_with({}).empty());
}

TEST_CASE("order_statistics: count, sum and percentiles are those of the summary") {
  CHECK(rc::check("measured and stand-in durations have the same summary", [] {
    const auto size = *rc::gen::inRange<std::size_t>(1, 400);
    auto measured = *rc::gen::container<std::vector<std::int64_t>>(
        size, rc::gen::inRange<std::int64_t>(0, 1'000'000));
    for (std::int64_t& duration_ns : measured) duration_ns *= 1000;
    const std::vector<std::int64_t> made = durations_with(kept_of(measured));
    RC_ASSERT(made.size() == measured.size());
    RC_ASSERT(std::is_sorted(made.begin(), made.end()));
    const summary a = summarize(measured), b = summarize(made);
    const auto near = [](double x, double y, double tolerance) {
      return std::abs(x - y) <= tolerance;
    };
    RC_ASSERT(near(a.mean, b.mean, 20));
    RC_ASSERT(near(a.min, b.min, 1) && near(a.max, b.max, 1));
    RC_ASSERT(near(a.p50, b.p50, 40));
    RC_ASSERT(near(a.p95, b.p95, 40));
    RC_ASSERT(near(a.p99, b.p99, 40));
  }));
}

TEST_CASE("order_statistics: a summary that contradicts itself keeps its count and its sum") {
  const auto made = durations_with({4, 0, 0, 0, 0, 0, 8'000'000});
  CHECK(made == std::vector<std::int64_t>(4, 2'000'000));
  const auto scaled = durations_with({3, 1'000'000, 2'000'000, 0, 0, 3'000'000, 60'000'000});
  CHECK(std::accumulate(scaled.begin(), scaled.end(), std::int64_t{0}) ==
        doctest::Approx(60'000'000).epsilon(1e-6));
}
