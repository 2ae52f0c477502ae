#include "benchmarks/ways_compared.hpp"

#include <doctest/doctest.h>

#include <map>

using benchmarks::way;

// A process whose mood changes from round to round, by far more than ways differ.
TEST_CASE("ways_compared: ratios are taken within a round, and found whatever the mood") {
  const std::map<way, double> cost{
      {way::none, 1}, {way::bare_before, 2}, {way::bare, 2}, {way::keep, 3}, {way::aggregate, 2.5}};
  const auto found = benchmarks::in_processes(3, [&] {
    std::map<way, int> taken;
    return benchmarks::take_ways<2>({way::bare, way::keep, way::aggregate}, 7,
                                    [&](way of) -> std::array<double, 2> {
                                      const double mood = taken[of] % 2 == 0 ? 1 : 10;
                                      return {cost.at(of) * mood, static_cast<double>(++taken[of])};
                                    });
  });
  REQUIRE(found.size() == 3);
  const auto ratios =
      benchmarks::way_rows(found, "over bare", "x", 0, &benchmarks::way_figure::over_bare);
  REQUIRE(ratios.size() == 5);  // no row for a way that was not taken
  CHECK(ratios[0].name == "over bare, no profiler");
  CHECK(ratios[0].value == doctest::Approx(0.5));
  CHECK(ratios[1].value == doctest::Approx(1));
  CHECK(ratios[2].name == "over bare, bare CUPTI kernel activity");
  CHECK(ratios[2].reference_name.empty());
  CHECK(ratios[3].value == doctest::Approx(1.5));
  CHECK(ratios[4].value == doctest::Approx(1.25));
  CHECK(ratios[4].reference_name == ratios[2].name);
  REQUIRE(ratios[4].ratio_interval);
  CHECK(ratios[4].ratio_interval->first == doctest::Approx(1.25));
  const auto largest = benchmarks::way_rows(found, "last", "", 1, &benchmarks::way_figure::largest);
  CHECK(largest[3].value == 7);
  CHECK(largest[3].n == 3);
  CHECK_FALSE(largest[3].ratio_interval);
}
