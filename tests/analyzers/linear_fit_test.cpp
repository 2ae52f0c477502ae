#include "analyzers/analysis/linear_fit.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <random>

#include "latency/run_statistics.hpp"

using namespace latency::analysis;
using doctest::Approx;

namespace {

using points = std::vector<std::pair<double, double>>;

}  // namespace

// x 1 2 3 4 5, y 2 4 5 4 5: means 3 and 4, Sxx 10, Sxy 6, so slope 0.6 and intercept 2.2.
// Residuals -0.8 0.6 1 -0.6 -0.2, squares 2.4 over 3 degrees of freedom: standard error of the
// slope sqrt(0.8 / 10) = 0.282843, times 3.1824.
TEST_CASE("linear_fit: slope, intercept and interval worked out by hand") {
  const auto fit = fit_line({{1, 2}, {2, 4}, {3, 5}, {4, 4}, {5, 5}});
  REQUIRE(fit);
  CHECK(fit->n == 5);
  CHECK(fit->slope == Approx(0.6));
  CHECK(fit->intercept == Approx(2.2));
  CHECK(fit->slope_low == Approx(0.6 - 0.900120));
  CHECK(fit->slope_high == Approx(0.6 + 0.900120));
}

TEST_CASE("linear_fit: points on a line leave no doubt") {
  const auto fit = fit_line({{3, 70}, {6, 100}, {12, 160}});
  REQUIRE(fit);
  CHECK(fit->slope == Approx(10));
  CHECK(fit->slope_low == Approx(10));
  CHECK(fit->slope_high == Approx(10));
}

TEST_CASE("linear_fit: two points, or one place, are no line") {
  CHECK_FALSE(fit_line({}));
  CHECK_FALSE(fit_line({{3, 70}, {6, 100}}));
  CHECK_FALSE(fit_line({{9, 70}, {9, 100}, {9, 90}, {9, 95}}));
}

TEST_CASE("linear_fit: quantiles of Student's t agree with printed tables") {
  const std::pair<int, double> table[] = {{1, 12.706}, {2, 4.303},  {3, 3.182},  {4, 2.776},
                                          {5, 2.571},  {10, 2.228}, {30, 2.042}, {120, 1.980}};
  for (const auto& [freedom, quantile] : table)
    CHECK(std::fabs(latency::student_t_quantile(0.975, static_cast<double>(freedom)) - quantile) <
          0.0011);
}

TEST_CASE("linear_fit: the interval holds the true slope 19 times in 20") {
  std::mt19937_64 random(7);
  std::normal_distribution<double> noise(0, 5);
  int held = 0;
  constexpr int runs = 2000;
  for (int run = 0; run < runs; ++run) {
    points drawn;
    for (const double x : {3., 3., 6., 6., 9., 12.})
      drawn.emplace_back(x, 40 + 12 * x + noise(random));
    const auto fit = fit_line(drawn);
    held += fit->slope_low <= 12 && 12 <= fit->slope_high ? 1 : 0;
  }
  CHECK(held > 0.93 * runs);  // the spread of such a count is 0.005 x runs
  CHECK(held < 0.97 * runs);
}

TEST_CASE("linear_fit: shifting and scaling the points shifts and scales the line") {
  CHECK(rc::check([](std::vector<std::pair<std::int8_t, std::int8_t>> raw) {
    points plain;
    points moved;
    for (const auto& [x, y] : raw) {
      plain.emplace_back(x, y);
      moved.emplace_back(x + 1000, 3.0 * y + 7);
    }
    const auto before = fit_line(plain);
    const auto after = fit_line(moved);
    RC_ASSERT(before.has_value() == after.has_value());
    if (!before) return;
    RC_ASSERT(std::fabs(after->slope - 3 * before->slope) < 1e-6 * (1 + std::fabs(before->slope)));
    RC_ASSERT(before->slope_low <= before->slope);
    RC_ASSERT(before->slope <= before->slope_high);
  }));
}
