#include "analyzers/analysis/clock_fit.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <cstdlib>

namespace {

using namespace latency::analysis;
using latency::interval;

constexpr std::int64_t second_ns = 1'000'000'000;

// A clock of that offset and drift, seen at some seconds, each time within +-slack.
clock_bounds seen(std::int64_t offset_ns, double drift, std::int64_t slack_ns,
                  const std::vector<std::int64_t>& at_s) {
  clock_bounds bounds;
  for (const std::int64_t s : at_s) {
    const std::int64_t at_ns = s * second_ns;
    const std::int64_t true_ns = offset_ns + std::llround(drift * static_cast<double>(at_ns));
    bounds.at_least.push_back({at_ns, true_ns - slack_ns});
    bounds.at_most.push_back({at_ns, true_ns + slack_ns});
  }
  return bounds;
}

double offset_at(const clock_fit& fit, std::int64_t at_ns) {
  return static_cast<double>(fit.offset_ns) + fit.drift * static_cast<double>(at_ns);
}

}  // namespace

TEST_CASE("clock_fit: bounds at both ends fix the line between them") {
  // +-10 us at 0 and 100 s: the ends are free of each other, and so is the drift within 0.2 ppm.
  const auto fit =
      fit_clock(seen(5'000'000, 40e-6, 10'000, {0, 100}), {0, 100 * second_ns}).value();
  CHECK(fit.offset_ns == 5'000'000);
  CHECK(fit.drift == doctest::Approx(40e-6));
  CHECK(fit.uncertainty_ns == doctest::Approx(10'000).epsilon(1e-3));
}

TEST_CASE("clock_fit: the offset is that of time 0, wherever the recording begins") {
  const auto fit =
      fit_clock(seen(3'000, 100e-6, 1'000, {10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}),
                {10 * second_ns, 20 * second_ns})
          .value();
  CHECK(fit.drift == doctest::Approx(100e-6).epsilon(0.01));
  CHECK(std::llabs(fit.offset_ns - 3'000) < 2'000);  // at 10 s it is a million
}

TEST_CASE("clock_fit: beyond the last bound the uncertainty grows as far as clocks may drift") {
  // One bound of +-10 us at 0: after 10 s the clock is off by 10 us + 10 s x 500 ppm at most.
  const auto fit = fit_clock(seen(0, 0, 10'000, {0}), {0, 10 * second_ns}).value();
  CHECK(fit.uncertainty_ns == doctest::Approx(10'000 + 5'000'000).epsilon(1e-3));
  CHECK(fit.offset_ns == 0);
}

TEST_CASE("clock_fit: a drift that a constant offset contradicts is found, an absurd one is not") {
  const std::vector<std::int64_t> times = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  const auto fit = fit_clock(seen(1'000, -200e-6, 1'000, times), {0, 10 * second_ns}).value();
  CHECK(std::fabs(fit.drift + 200e-6) < 1e-6);
  CHECK(fit.uncertainty_ns < 4'000);
  CHECK_FALSE(fit_clock(seen(1'000, 600e-6, 1'000, times), {0, 10 * second_ns}).has_value());
}

TEST_CASE("clock_fit: the true line is within the uncertainty, whatever bounds there are") {
  rc::check([](std::int32_t offset_us, std::int16_t drift_units,
               const std::vector<std::pair<std::uint16_t, std::uint16_t>>& slacks) {
    if (slacks.empty()) return;
    const double drift = 500e-6 * drift_units / 32768.0;
    clock_bounds bounds;
    std::int64_t at_ns = 0;
    for (const auto& [least, most] : slacks) {
      at_ns += 1'000'000 + 1000 * std::int64_t{least ^ most};
      const std::int64_t true_ns =
          1000 * std::int64_t{offset_us} + std::llround(drift * static_cast<double>(at_ns));
      bounds.at_least.push_back({at_ns, true_ns - least});
      bounds.at_most.push_back({at_ns, true_ns + most});
    }
    const interval extent{0, at_ns + second_ns};
    const auto fit = fit_clock(bounds, extent);
    RC_ASSERT(fit.has_value());
    for (const std::int64_t end_ns : {extent.start_ns, extent.end_ns}) {
      const double true_ns = 1000.0 * offset_us + drift * static_cast<double>(end_ns);
      RC_ASSERT(std::fabs(offset_at(*fit, end_ns) - true_ns) <=
                static_cast<double>(fit->uncertainty_ns) + 2);
    }
    RC_ASSERT(std::fabs(fit->drift) <= most_drift * (1 + 1e-9));
  });
}

TEST_CASE("clock_fit: of very many bounds the tight ones count, wherever they are") {
  for (const std::int64_t begin_ns : {0 * second_ns, -3 * second_ns, 90 * second_ns}) {
    CAPTURE(begin_ns);
    clock_bounds bounds;
    for (std::int64_t i = 0; i <= 5000; ++i) {
      const std::int64_t at_ns = begin_ns + i * 1'000'000;
      const std::int64_t true_ns = 7'000 + std::llround(100e-6 * static_cast<double>(at_ns));
      const std::int64_t slack_ns = i % 1000 == 500 ? 100 : 50'000;
      bounds.at_least.push_back({at_ns, true_ns - slack_ns});
      bounds.at_most.push_back({at_ns, true_ns + slack_ns});
    }
    const auto fit = fit_clock(bounds, {begin_ns, begin_ns + 5 * second_ns}).value();
    CHECK(std::fabs(fit.drift - 100e-6) < 1e-6);
    CHECK(fit.uncertainty_ns < 300);
  }
}
