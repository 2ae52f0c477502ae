#include "analyzers/analysis/speedup.hpp"

#include <doctest/doctest.h>

#include "tests/analyzers/recording_builder.hpp"

using namespace latency;
using namespace latency::analysis;
using doctest::Approx;
using latency::test::ms;

namespace {

// Three runs of two stages; the samples are microseconds.
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

TEST_CASE("speedup: a section goes from the end of one boundary to the end of the next other") {
  test::recording_builder made(100);
  recording& run = made.run();
  add_op(run, "Memcpy DtoD", 0, 2);
  add_op(run, "attention", 2, 10);
  add_op(run, "gather", 10, 13);
  add_op(run, "Memcpy DtoD", 20, 21);  // begun again before it ended
  add_op(run, "Memcpy DtoD", 30, 31);
  add_op(run, "gather", 35, 36);
  add_op(run, "gather", 40, 41);       // ends nothing
  add_op(run, "Memcpy DtoD", 50, 51);  // never ends: the next one is another device's
  add_op(run, "gather", 60, 61, 0, 1);
  const op_times times =
      times_of_section({run}, name_pattern("Memcpy", "from"), name_pattern("gather", "to"));
  CHECK(times.count == 2);
  CHECK(times.sum_ns == 11 * ms + 5 * ms);
  CHECK(times.unfinished == 2);
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
  const annotation_times times = times_of_annotation({run}, "forward");
  CHECK(times.host.sum_ns == 10 * ms);
  CHECK(times.device.count == 1);
  CHECK(times.device.sum_ns == 36 * ms);
  CHECK(annotation_of({run}, "none").empty());
}
