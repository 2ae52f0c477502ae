#include <doctest/doctest.h>

#include "analyzers/analysis/run_series.hpp"
#include "analyzers/analysis/workload.hpp"
#include "tests/analyzers/sample_run.hpp"

namespace {

using namespace latency::analysis;
using latency::test::ms;
using latency::test::recording_builder;

const run_series& find(const measured_run& run, series_kind kind, const std::string& name) {
  for (const run_series& one : run.series)
    if (one.kind == kind && one.name == name) return one;
  FAIL("no series " << name);
  return run.series.front();
}

run_values in_ms(const run_series& of) {
  run_values result;
  for (const double v : of.values_ns) result.push_back(v / ms);
  return result;
}

}  // namespace

// Times of tests/analyzers/sample_run.hpp.
TEST_CASE("run_series: durations stand in the order in which they happened") {
  const measured_run run = measure(latency::test::sample_run());
  CHECK(in_ms(find(run, series_kind::duration, "temporal_block")) ==
        run_values{82, 92, 102, 152, 102, 148, 102});
  CHECK(find(run, series_kind::duration, "interactive_vae_decode").share ==
        doctest::Approx(210.0 / 1400));
  CHECK(run.blocks == 7);
  CHECK(run.switches == 2);
  CHECK(run.clean);
}

TEST_CASE("run_series: the steady state is that of the full blocks") {
  const measured_run run = measure(latency::test::sample_run());
  CHECK(in_ms(find(run, series_kind::block, "block, steady")) == run_values{102, 102, 102});
  CHECK(in_ms(find(run, series_kind::latent_frame, "latent frame, steady")) ==
        run_values{34, 34, 34});
  CHECK(find(run, series_kind::pixel_frame, "pixel frame, steady").values_ns.size() == 36);
}

TEST_CASE("run_series: exclusive times and untracked time add up to the wall of the threads") {
  const measured_run run = measure(latency::test::sample_run());
  double sum = run.untracked_ns;
  for (const run_series& one : run.series)
    if (one.kind == series_kind::duration) sum += one.exclusive_ns;
  CHECK(sum == run.thread_wall_ns);
}

TEST_CASE("run_series: device time belongs to the span that launched it and to those around it") {
  recording_builder made(100);
  const auto outer = made.span("outer", 0, 10, 60);
  const auto first = made.span("inner", outer, 10, 20);
  made.span("inner", outer, 30, 40);
  made.span("host only", 0, 70, 80);
  const auto add = [&](latency::span_id span, std::int64_t start, std::int64_t end,
                       latency::device_op_kind kind) {
    latency::device_op op;
    op.span = span;
    op.start_ns = start * ms;
    op.end_ns = end * ms;
    op.kind = kind;
    made.run().device_ops.push_back(op);
  };
  add(first, 12, 16, latency::device_op_kind::kernel);
  add(outer, 20, 23, latency::device_op_kind::memcpy);
  const measured_run run = measure(made.run());
  CHECK(in_ms(find(run, series_kind::device_share, "inner")) == run_values{4, 0});
  CHECK(in_ms(find(run, series_kind::device_share, "outer")) == run_values{7});
  CHECK(find(run, series_kind::device_share, "inner").share == doctest::Approx(4.0 / 7));
  for (const run_series& one : run.series)
    CHECK((one.kind != series_kind::device_share || one.name != "host only"));
}

TEST_CASE("run_series: warm-up is left out") {
  recording_builder made(100);
  made.span("a", 0, 0, 10, {}, 0, latency::span_warm_up);
  made.span("a", 0, 20, 25);
  CHECK(in_ms(find(measure(made.run()), series_kind::duration, "a")) == run_values{5});
}

TEST_CASE("workload: what was computed is told from how and where") {
  using properties = std::map<std::string, latency::run_value>;
  const properties first = {{"latent_frames", std::int64_t{21}},
                            {"git_commit", std::string("a")},
                            {"pixel_height", std::int64_t{480}}};
  const properties second = {{"latent_frames", std::int64_t{42}},
                             {"git_commit", std::string("b")},
                             {"batch_size", std::int64_t{1}}};
  const auto all = property_differences(first, second);
  REQUIRE(all.size() == 4);
  CHECK(all[0].name == "batch_size");
  CHECK(all[0].first == "(not given)");
  CHECK(all[0].second == "1");
  const auto workload = workload_differences(first, second);
  REQUIRE(workload.size() == 1);
  CHECK(workload[0].name == "latent_frames");
  CHECK(workload[0].first == "21");
  CHECK(workload[0].second == "42");
  CHECK(property_differences(first, first).empty());
}
