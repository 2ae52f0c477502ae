#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "latency/run_statistics.hpp"

namespace {

std::vector<double> independent(std::size_t n, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<double> values;
  for (std::size_t i = 0; i < n; ++i)
    values.push_back(90 + 20 * (static_cast<double>(random() >> 11) * 0x1p-53));
  return values;
}

}  // namespace

TEST_CASE("student_t_quantile: values of published tables") {
  CHECK(latency::student_t_quantile(0.975, 1) == doctest::Approx(12.7062047364));
  CHECK(latency::student_t_quantile(0.975, 4) == doctest::Approx(2.7764451052));
  CHECK(latency::student_t_quantile(0.95, 10) == doctest::Approx(1.8124611228));
  CHECK(latency::student_t_quantile(0.9995, 2) == doctest::Approx(31.5990545765));
  CHECK(latency::student_t_quantile(0.975, 1e9) == doctest::Approx(1.9599639845).epsilon(1e-5));
  CHECK(latency::student_t_quantile(0.5, 3) == 0);
  CHECK(latency::student_t_quantile(0.025, 4) == -latency::student_t_quantile(0.975, 4));
  CHECK_THROWS_AS((void)latency::student_t_quantile(1, 4), latency::error);
  CHECK_THROWS_AS((void)latency::student_t_quantile(0.9, 0), latency::error);
}

TEST_CASE("student_t_quantile: with 2 degrees of freedom it is the closed form") {
  for (const double p : {0.6, 0.9, 0.99, 0.999, 0.99999})
    CHECK(latency::student_t_quantile(p, 2) ==
          doctest::Approx((2 * p - 1) * std::sqrt(2 / (4 * p * (1 - p)))));
}

TEST_CASE("bootstrap_log_mean: of independent values it is the textbook error of the mean") {
  const auto values = independent(81, 3);
  const auto error = latency::bootstrap_log_mean(values);
  const double textbook = latency::standard_deviation(values) / 9 / latency::mean(values);
  CHECK(error.standard_error > 0.9 * textbook);
  CHECK(error.standard_error < 1.5 * textbook);  // it allows for a correlation of 2 / 9
  CHECK(error.degrees_of_freedom == 8);          // 9 blocks of 9
}

TEST_CASE("bootstrap_log_mean: values that come in groups of equals are as few as the groups") {
  std::vector<double> groups;
  for (const double v : independent(40, 5)) groups.insert(groups.end(), 10, v);
  const std::vector<double> spread_out = independent(40, 5);
  const double right =
      latency::standard_deviation(spread_out) / std::sqrt(40.0) / latency::mean(spread_out);
  const double blocks = latency::bootstrap_log_mean(groups).standard_error;
  CHECK(blocks > 0.7 * right);  // one by one it would be 0.32 times
  CHECK(blocks < 2 * right);
}

TEST_CASE("bootstrap_log_ratio: what both have in common cancels") {
  const auto base = independent(50, 9);
  std::vector<double> slower;
  for (const double v : base) slower.push_back(1.1 * v);
  CHECK(latency::bootstrap_log_ratio(slower, base).standard_error < 1e-12);
  CHECK(
      std::isinf(latency::bootstrap_log_ratio(base, std::vector<double>(50, 0.0)).standard_error));
  CHECK(std::isnan(latency::bootstrap_log_ratio({1, 2, 3}, {1, 2, 3}).standard_error));
  CHECK_THROWS_AS((void)latency::bootstrap_log_ratio({1, 2}, {1}), latency::error);
}

TEST_CASE("bootstrap_log_mean: neighbours that resemble each other make few values worth fewer") {
  const std::vector<double> apart = {1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3};
  const std::vector<double> together = {1, 1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 3};
  CHECK(latency::bootstrap_log_mean(together).standard_error >
        3 * latency::bootstrap_log_mean(apart).standard_error);
}
