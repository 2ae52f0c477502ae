#include "analyzers/analysis/running_statistics.hpp"

#include <doctest/doctest.h>

namespace latency::analysis {

TEST_CASE("running statistics: each point is over all values so far") {
  const auto points = running_statistics({4, 2, 9, 5}, 10);
  REQUIRE(points.size() == 4);
  CHECK(points[0].n == 1);
  CHECK(points[0].mean == 4);
  CHECK(points[0].p95 == 4);
  CHECK(points[2].n == 3);
  CHECK(points[2].mean == 5);
  CHECK(points[2].p50 == 4);
  CHECK(points[2].max == 9);
  CHECK(points[3].mean == 5);
  CHECK(points[3].p50 == 4.5);  // of 2, 4, 5, 9
  CHECK(points[3].p95 == doctest::Approx(8.4));
}

TEST_CASE("running statistics: of many values some, evenly spread, the last over all") {
  const auto points = running_statistics(std::vector<double>(1000, 7.0), 4);
  REQUIRE(points.size() == 4);
  CHECK(points[0].n == 250);
  CHECK(points[3].n == 1000);
  CHECK(running_statistics({}, 4).empty());
}

}  // namespace latency::analysis
