#include <doctest/doctest.h>

#include "analyzers/analysis/steps.hpp"
#include "tests/analyzers/recording_builder.hpp"

namespace {

using latency::recording;
using latency::span_tree;
using latency::analysis::step_report;
using latency::test::ms;
using latency::test::recording_builder;

step_report steps_of(const recording& run) {
  return latency::analysis::steps(run, span_tree(run));
}

// Two blocks of two steps; the second block's rows come first, as from another thread.
recording_builder two_blocks() {
  recording_builder made(100);
  made.span("denoising", 0, 50, 62, {{"block", 1}, {"step", 0}, {"timestep", 1000}});
  made.span("denoising", 0, 62, 66, {{"block", 1}, {"step", 1}, {"timestep", 750}});
  made.span("decode", 0, 70, 80, {{"block", 1}});
  made.span("denoising", 0, 10, 20, {{"block", 0}, {"step", 0}, {"timestep", 1000}});
  made.span("denoising", 0, 20, 26, {{"block", 0}, {"step", 1}, {"timestep", 750}});
  return made;
}

}  // namespace

TEST_CASE("steps: every span with a step is one, in the order of time, and no other span") {
  const step_report report = steps_of(two_blocks().run());
  REQUIRE(report.steps.size() == 4);
  const std::int64_t starts[] = {10 * ms, 20 * ms, 50 * ms, 62 * ms};
  const std::int64_t durations[] = {10 * ms, 6 * ms, 12 * ms, 4 * ms};
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(report.steps[i].start_ns == starts[i]);
    CHECK(report.steps[i].duration_ns == durations[i]);
    CHECK(report.steps[i].block == static_cast<std::int64_t>(i / 2));
    CHECK(report.steps[i].step == static_cast<std::int64_t>(i % 2));
  }
}

TEST_CASE("steps: one inside another says so") {
  recording_builder made(100);
  const auto step = made.span("denoising", 0, 10, 30, {{"step", 0}});
  const auto layer = made.span("layer", step, 12, 28);
  made.span("forward", layer, 15, 25, {{"step", 0}});
  made.span("denoising", 0, 30, 40, {{"step", 1}});
  const step_report report = steps_of(made.run());
  REQUIRE(report.steps.size() == 3);
  CHECK_FALSE(report.steps[0].inside_step);
  CHECK(report.steps[1].inside_step);
  CHECK_FALSE(report.steps[2].inside_step);
}

TEST_CASE("steps: a group is all steps of one name, index and timestep, over the blocks") {
  recording_builder made = two_blocks();
  made.span("forward", 0, 82, 85, {{"step", 1}, {"timestep", 750}});
  made.span("denoising", 0, 90, 98, {{"step", 1}, {"timestep", 500}});
  const step_report report = steps_of(made.run());
  REQUIRE(report.groups.size() == 4);
  CHECK(report.groups[0].step == 0);
  CHECK(report.groups[0].duration_ns.n == 2);
  CHECK(report.groups[0].duration_ns.mean == 11 * ms);
  CHECK(report.groups[1].timestep == 500.0);  // by step, then name, then timestep
  CHECK(report.groups[1].duration_ns.mean == 8 * ms);
  CHECK(report.groups[2].timestep == 750.0);
  CHECK(report.groups[2].duration_ns.mean == 5 * ms);
  CHECK(made.run().strings[report.groups[3].name] == "forward");
}

TEST_CASE("steps: block and timestep may be missing; a real timestep is kept as it is") {
  recording_builder made(100);
  made.span("denoising", 0, 0, 5, {{"step", 3}});
  made.span("denoising", 0, 5, 9, {{"step", 4}, {"timestep", 0}});
  latency::recorded_attribute& timestep = made.run().attributes.back();
  timestep.type = latency::recorded_attribute::kind::real;
  timestep.real = 937.5;
  const step_report report = steps_of(made.run());
  REQUIRE(report.steps.size() == 2);
  CHECK_FALSE(report.steps[0].block);
  CHECK_FALSE(report.steps[0].timestep);
  CHECK(report.steps[1].timestep == 937.5);
}

TEST_CASE("steps: warm-up is left out, with everything under it") {
  recording_builder made(100);
  const auto region = made.span("generate", 0, 0, 50, {}, 0, latency::span_warm_up);
  made.span("denoising", region, 0, 20, {{"step", 0}});
  made.span("denoising", 0, 60, 70, {{"step", 0}});
  const step_report report = steps_of(made.run());
  REQUIRE(report.steps.size() == 1);
  CHECK(report.steps[0].start_ns == 60 * ms);
  CHECK(report.groups[0].duration_ns.n == 1);
}

TEST_CASE("steps: a recording without steps has none") {
  recording_builder made(100);
  made.span("decode", 0, 0, 50, {{"block", 0}});
  CHECK(steps_of(made.run()).steps.empty());
  CHECK(steps_of(made.run()).groups.empty());
}
