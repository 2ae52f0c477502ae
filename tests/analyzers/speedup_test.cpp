#include "analyzers/analysis/speedup.hpp"

#include <doctest/doctest.h>

#include "tests/analyzers/recording_builder.hpp"

using namespace latency;
using namespace latency::analysis;
using doctest::Approx;
using latency::test::ms;

namespace {

// Three runs of two stages.
const std::string log_text = R"(
[LoadStage] Starting execution
[LoadStage] Execution completed in 500.0 ms
[LTX2DenoisingStage] Starting execution
>>>> VSA time: 30.0 ms
>>>> VSA time: 20.0 ms
[LTX2DenoisingStage] Execution completed in 100.0 ms
[LoadStage] Starting execution
[LoadStage] Execution completed in 500.0 ms
[LTX2DenoisingStage] Starting execution
>>>> VSA time: 10.0 ms
>>>> VSA time: 1.0 ms
[LTX2DenoisingStage] Execution completed in 60.0 ms
[LoadStage] Starting execution
[LoadStage] Execution completed in 500.0 ms
[LTX2DenoisingStage] Starting execution
>>>> VSA time: 12.0 ms
>>>> VSA time: 40.0 ms
[LTX2DenoisingStage] Execution completed in 80.0 ms
)";

timeline::stage_log log_of_three() {
  return timeline::parse_stage_log(log_text, "three.log", timeline::log_unit::milliseconds);
}

void add_op(recording& run, const char* name, std::int64_t start_ms, std::int64_t end_ms,
            span_id span = 0, std::uint32_t device = 0) {
  device_op op;
  op.name = run.strings.add(name);
  op.start_ns = start_ms * ms;
  op.end_ns = end_ms * ms;
  op.span = span;
  op.device = device;
  run.device_ops.push_back(op);
}

}  // namespace

TEST_CASE("speedup: the denoising stage is found, and its averages are with and without warm-up") {
  const timeline::stage_log log = log_of_three();
  CHECK(main_stage(log) == "LTX2DenoisingStage");  // although loading takes longer
  const stage_times times = times_of_stage(log, "LTX2DenoisingStage");
  REQUIRE(times.runs_ns.size() == 3);
  CHECK(times.runs_ns[0].value() == 100 * ms);
  CHECK(times.all_rounds_mean_ns == 80.0 * ms);
  CHECK(times.after_warm_up_mean_ns == 70.0 * ms);
  CHECK(times_of_stage(log, "none").all_rounds_mean_ns == 0);
}

TEST_CASE("speedup: without a denoising stage, the one that took longest in all runs is taken") {
  std::string text;
  for (const char* const stage : {"A 9", "B 6", "C 1", "A 1", "B 6", "C 7"}) {
    const std::string name(stage, 1), time(stage + 2);
    text += "[" + name + "] Starting execution\n[" + name + "] Execution completed in " + time +
            " ms\n";
  }
  CHECK(main_stage(timeline::parse_stage_log(text + "[D] Starting execution\n", "log")) == "B");
}

TEST_CASE("speedup: samples outside the limits are dropped and counted") {
  const timeline::stage_log log = log_of_three();
  const attention_times all = times_of_attention(log, "VSA", {});
  CHECK(all.all_rounds_ns.n == 6);
  CHECK(all.after_warm_up_ns.n == 4);
  CHECK(all.after_warm_up_ns.mean == 15.75 * ms);
  CHECK(all.in_run == std::vector<std::int64_t>{2, 2, 2});
  const attention_times some = times_of_attention(log, "VSA", {5 * ms, 30 * ms});
  CHECK(some.below_min == 1);
  CHECK(some.above_max == 1);
  CHECK(some.all_rounds_ns.n == 4);  // a sample at a limit counts
  CHECK(some.after_warm_up_ns.mean == 11.0 * ms);
  CHECK(some.in_run == std::vector<std::int64_t>{2, 2, 2});
  const attention_times at_least = times_of_attention(log, "VSA", {10 * ms, std::nullopt});
  CHECK(at_least.below_min == 1);  // likewise
  CHECK(at_least.all_rounds_ns.n == 5);
}

TEST_CASE("speedup: kernels by exact name, over all ranks") {
  test::recording_builder first(100);
  add_op(first.run(), "attention", 0, 10);
  add_op(first.run(), "attention_small", 10, 11);
  test::recording_builder second(100);
  add_op(second.run(), "gemm", 0, 5);
  add_op(second.run(), "attention", 5, 9);
  const std::vector<recording> ranks{first.run(), second.run()};
  CHECK(busiest_kernel(ranks) == "attention");
  const op_times times = times_of_kernel(ranks, "attention");
  CHECK(times.count == 2);
  CHECK(times.min_ns == 4 * ms);
  CHECK(times.max_ns == 10 * ms);
  CHECK(times.mean_ns() == 7.0 * ms);
  CHECK(busiest_kernel({}).empty());
}

TEST_CASE("speedup: a kernel that ends before it starts has taken no time") {
  test::recording_builder made(100);
  add_op(made.run(), "attention", 5, 4);
  add_op(made.run(), "attention", 5, 7);
  const op_times times = times_of_kernel({made.run()}, "attention");
  CHECK(times.count == 2);
  CHECK(times.min_ns == 0);
  CHECK(times.sum_ns == 2 * ms);
}

TEST_CASE("speedup: a section goes from the end of one boundary to the end of the next other") {
  test::recording_builder made(100);
  recording& run = made.run();
  add_op(run, "Memcpy DtoD", 0, 2);
  add_op(run, "attention", 2, 10);
  add_op(run, "attention", 9, 10);
  add_op(run, "gather", 10, 13);
  add_op(run, "Memcpy DtoD", 20, 21);  // begun again before it ended
  add_op(run, "attention", 22, 23);
  add_op(run, "Memcpy DtoD", 30, 31);
  add_op(run, "attention", 32, 33);
  add_op(run, "gather", 35, 36);
  add_op(run, "gather", 40, 41);       // ends nothing
  add_op(run, "Memcpy DtoD", 50, 51);  // never ends: the next one is another device's
  add_op(run, "gather", 60, 61, 0, 1);
  const section_times times = times_of_section({run}, name_pattern("Memcpy", "from"),
                                               name_pattern("gather", "to"), "attention");
  CHECK(times.passes.count == 2);
  CHECK(times.passes.sum_ns == 11 * ms + 5 * ms);
  CHECK(times.unfinished == 2);
  CHECK(times.kernel_launches == 3);  // not the one of the pass that was begun again
}

TEST_CASE("speedup: sections are found in the order of time, whatever the order of the rows") {
  test::recording_builder made(100);
  recording& run = made.run();
  add_op(run, "gather", 7, 9);
  add_op(run, "attention", 6, 30);  // ends last, and still starts in the section
  add_op(run, "Memcpy DtoD", 4, 5);
  const section_times times = times_of_section({run}, name_pattern("Memcpy", "from"),
                                               name_pattern("gather", "to"), "attention");
  CHECK(times.passes.count == 1);
  CHECK(times.passes.sum_ns == 4 * ms);
  CHECK(times.kernel_launches == 1);
  CHECK(times.unfinished == 0);
}

TEST_CASE("speedup: an annotation has its host time and the window of what it launched") {
  test::recording_builder made(100);
  recording& run = made.run();
  const span_id forward = made.span("forward", 0, 0, 10);
  const span_id inner = made.span("inner", forward, 1, 2);
  add_op(run, "attention", 5, 30, inner);
  add_op(run, "attention", 30, 33, forward);
  add_op(run, "attention", 40, 41, forward);
  CHECK(annotation_of({run}, "attention") == "forward");
  const annotation_times times = times_of_annotation({run}, "forward", "attention");
  CHECK(times.host.sum_ns == 10 * ms);
  CHECK(times.device.count == 1);
  CHECK(times.device.sum_ns == 36 * ms);
  CHECK(times.kernel_launches == 3);
  CHECK(annotation_of({run}, "none").empty());
}

TEST_CASE("speedup: launches of a call are given, counted in sections, compared, or assumed") {
  using source = launches_per_call::source;
  const auto side = [](std::optional<double> given, std::int64_t sections, std::int64_t in_sections,
                       std::int64_t annotations, std::int64_t under_them) {
    launch_counts counts;
    counts.given = given;
    if (sections > 0) {
      counts.section.emplace();
      counts.section->passes.count = sections;
      counts.section->kernel_launches = in_sections;
    }
    counts.annotation.host.name = "forward";
    counts.annotation.host.count = annotations;
    counts.annotation.kernel_launches = under_them;
    return counts;
  };
  const auto check = [](const both_launches& both, double b, source b_known, double c,
                        source c_known) {
    CHECK(both.baseline.number == b);
    CHECK((both.baseline.known == b_known));
    CHECK(both.candidate.number == c);
    CHECK((both.candidate.known == c_known));
  };
  const launch_counts plain = side({}, 0, 0, 1, 8);
  check(launches_of(plain, side({}, 0, 0, 2, 16)), 1, source::assumed, 1, source::assumed);
  check(launches_of(plain, side({}, 0, 0, 1, 16)), 1, source::assumed, 2, source::compared);
  check(launches_of(side({}, 0, 0, 1, 24), plain), 3, source::compared, 1, source::assumed);
  check(launches_of(side({}, 4, 8, 1, 8), side({}, 0, 0, 1, 4)), 2, source::counted, 1,
        source::compared);
  check(launches_of(side({}, 0, 0, 1, 4), side(6, 4, 8, 1, 8)), 3, source::compared, 6,
        source::given);
  check(launches_of(side({}, 0, 0, 0, 0), side({}, 2, 3, 1, 8)), 1, source::assumed, 1.5,
        source::counted);
  launch_counts other = side({}, 0, 0, 1, 16);
  other.annotation.host.name = "backward";
  check(launches_of(plain, other), 1, source::assumed, 1, source::assumed);
}
