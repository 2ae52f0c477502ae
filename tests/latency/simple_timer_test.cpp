#include "latency/simple_timer.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using latency::simple_timer;

namespace {

// Lasts at least so long; how much longer is up to the machine.
void pass(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

}  // namespace

TEST_CASE("simple_timer: a measurement lasts from its making to the end of its block") {
  simple_timer timer;
  {
    const auto measured = timer.measure("forward");
    pass(std::chrono::microseconds(300));
  }
  REQUIRE(timer.samples_ns("forward").size() == 1);
  CHECK(timer.samples_ns("forward")[0] >= 300'000);
}

TEST_CASE("simple_timer: stop() ends a measurement once") {
  simple_timer timer;
  {
    auto measured = timer.measure("a");
    measured.stop();
    CHECK(timer.samples_ns("a").size() == 1);
    measured.stop();
  }
  CHECK(timer.samples_ns("a").size() == 1);
}

TEST_CASE("simple_timer: names keep the order of their first measurement and their own samples") {
  simple_timer timer;
  for (const char* name : {"b", "a", "b"}) timer.measure(name).stop();
  const std::vector<simple_timer::row> rows = timer.rows();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].name == "b");
  CHECK(rows[0].ns.n == 2);
  CHECK(rows[1].name == "a");
  CHECK(rows[1].ns.n == 1);
}

TEST_CASE("simple_timer: rows are the statistics of the samples") {
  simple_timer timer;
  for (int i = 0; i < 7; ++i) timer.measure("x").stop();
  const std::vector<std::int64_t> samples = timer.samples_ns("x");
  const latency::summary row = timer.rows()[0].ns;
  CHECK(row.sum == doctest::Approx(std::accumulate(samples.begin(), samples.end(), 0.0)));
  CHECK(row.p95 == doctest::Approx(latency::percentile(samples, 95)));
  CHECK(row.max == latency::maximum(samples));
}

TEST_CASE("simple_timer: the summary is a table with n, mean, p50, p95, max and total") {
  simple_timer timer;
  CHECK(timer.summary() == "name  n  mean ms  p50 ms  p95 ms  max ms  total ms\n");
  timer.measure("forward").stop();
  const std::string text = timer.summary();
  std::istringstream line(text.substr(text.find('\n') + 1));
  std::string name;
  double n = 0, mean = 0, p50 = 0, p95 = 0, max = 0, total = 0;
  line >> name >> n >> mean >> p50 >> p95 >> max >> total;
  REQUIRE(!line.fail());
  CHECK(name == "forward");
  CHECK(n == 1);
  CHECK(mean == total);
  CHECK(max == p50);
  CHECK(p95 == mean);
}

TEST_CASE("simple_timer: a name under measurement for the first time shows no figures") {
  simple_timer timer;
  const auto measured = timer.measure("open");
  CHECK(timer.summary().find("open  0        -       -") != std::string::npos);
}

TEST_CASE("simple_timer: an unknown name is an error") {
  const simple_timer timer;
  CHECK_THROWS_WITH_AS(static_cast<void>(timer.samples_ns("x")),
                       "simple_timer: x: was never measured", latency::error);
}

TEST_CASE("simple_timer: threads may measure under one name and open more meanwhile") {
  simple_timer timer;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&timer, t] {
      for (int i = 0; i < 1000; ++i) {
        const auto shared = timer.measure("shared");
        const auto own = timer.measure(std::to_string(t));
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(timer.samples_ns("shared").size() == 4000);
  for (int t = 0; t < 4; ++t) CHECK(timer.samples_ns(std::to_string(t)).size() == 1000);
}
