// Kernels of denoising steps, from recordings made by hand. Times in milliseconds.
#include "benchmarks/step_kernels.hpp"

#include <doctest/doctest.h>

#include "latency/error.hpp"
#include "tests/analyzers/device_builder.hpp"

using latency::test::ms;

namespace {

struct made_steps {
  latency::test::recording_builder made{1000};
  std::map<latency::span_id, benchmarks::operation> operations;

  latency::span_id op(latency::span_id layer, const char* name, const char* label, double flops,
                      double bytes) {
    const latency::span_id id = made.span(name, layer, 0, 1000);
    operations[id] = {label, flops, bytes};
    return id;
  }
  void kernel(const char* name, latency::span_id span, std::int64_t from_ms, std::int64_t to_ms) {
    latency::test::add_op(made.run(), name, span, from_ms * ms, to_ms * ms);
  }
  // Two layers of a product with a memset before it, and a norm; an upload before. 100 ms.
  void step(std::int64_t at, const char* span_name, const char* norm_kernel = "norm") {
    const latency::span_id step = made.span(span_name, 0, at, at + 100);
    latency::test::add_copy(made.run(), latency::copy_direction::host_to_device,
                            made.span("prep", step, at, at), at * ms, (at + 1) * ms, 64);
    for (const std::int64_t layer : {0, 1}) {
      const latency::span_id of_layer = made.span("ffn", step, at, at + 100, {{"layer", layer}});
      const std::int64_t first = at + 10 + 40 * layer;
      const latency::span_id product = op(of_layer, "gemm", "gemm 2 x 3 x 4", 48, 52);
      // Starts 9 ms after the upload in layer 0, 30 - 23 ms after the norm in layer 1.
      kernel("clear", product, first, first + 1);
      kernel("multiply", product, first + 3, first + 20);
      kernel(norm_kernel, op(of_layer, "norm", "norm", 0, 16), first + 21, first + 33);
    }
  }
};

const benchmarks::kernel_group* group(const benchmarks::step_kernels& step, const char* kernel) {
  for (const benchmarks::kernel_group& g : step.groups)
    if (g.kernel == kernel) return &g;
  return nullptr;
}

}  // namespace

TEST_CASE("step kernels: times by kernel, work once for each operation, gaps by layer") {
  made_steps s;
  s.step(500, "interactive_denoising_step_final");  // rows stand in any order
  s.step(100, "interactive_denoising_step");
  s.kernel("elsewhere", s.made.span("interactive_kv_cache_update", 0, 300, 400), 310, 320);
  const benchmarks::step_kernels step = benchmarks::kernels_of_steps(s.made.run(), s.operations);
  REQUIRE(step.groups.size() == 4);
  CHECK(step.groups.front().kernel == "multiply");  // the longest first
  CHECK(group(step, "multiply")->operation == "gemm 2 x 3 x 4");
  CHECK(group(step, "multiply")->calls == 2);
  CHECK(group(step, "multiply")->flops == 96);
  CHECK(group(step, "multiply")->bytes == 104);
  CHECK(group(step, "multiply")->step_ms == std::vector<double>{34, 34});
  CHECK(group(step, "clear")->flops + group(step, "clear")->bytes == 0);
  CHECK(group(step, "norm")->bytes == 32);
  CHECK(group(step, "copy")->operation == "prep");
  CHECK(group(step, "copy")->bytes == 0);  // no operation says what it is for
  CHECK(step.busy_ms == std::vector<double>{61, 61});
  CHECK(step.window_ms == std::vector<double>{83, 83});
  CHECK(step.gaps_ms == std::vector<double>{22, 22});
  CHECK(step.launches == std::vector<double>{7, 7});
  CHECK(step.layer_gaps_us == std::vector<double>{12000, 10000, 12000, 10000});
}

TEST_CASE("step kernels: a kernel that begins while the one ahead ends counts from that end on") {
  made_steps s;
  const latency::span_id step = s.made.span("interactive_denoising_step", 0, 100, 200);
  const latency::span_id layer = s.made.span("ffn", step, 100, 200, {{"layer", 0}});
  s.kernel("multiply", s.op(layer, "gemm", "gemm 2 x 3 x 4", 48, 52), 110, 130);
  s.kernel("norm", s.op(layer, "norm", "norm", 0, 16), 128, 140);  // waits for 2 ms
  s.kernel("turn", s.op(layer, "turn", "turn", 0, 16), 141, 150);
  const benchmarks::step_kernels found = benchmarks::kernels_of_steps(s.made.run(), s.operations);
  CHECK(group(found, "multiply")->step_ms == std::vector<double>{20});
  CHECK(group(found, "norm")->step_ms == std::vector<double>{10});
  CHECK(found.busy_ms == std::vector<double>{39});
  CHECK(found.window_ms == std::vector<double>{40});
  CHECK(found.gaps_ms == std::vector<double>{1});
  CHECK(found.layer_gaps_us == std::vector<double>{1000});
}

TEST_CASE("step kernels: steps that run other kernels than the last are left out") {
  made_steps s;
  s.step(100, "interactive_denoising_step", "another");
  s.step(300, "interactive_denoising_step");
  s.step(500, "interactive_denoising_step_final");
  const benchmarks::step_kernels step = benchmarks::kernels_of_steps(s.made.run(), s.operations);
  CHECK(step.busy_ms.size() == 2);
  CHECK(group(step, "another") == nullptr);
}

TEST_CASE("step kernels: a recording without steps, or with losses, is refused") {
  made_steps s;
  CHECK_THROWS_WITH_AS(static_cast<void>(benchmarks::kernels_of_steps(s.made.run(), s.operations)),
                       "recording: holds no kernels of denoising steps", latency::error);
  s.step(100, "interactive_denoising_step");
  s.made.run().hygiene.dropped_device_ops = 1;
  CHECK_THROWS_WITH_AS(static_cast<void>(benchmarks::kernels_of_steps(s.made.run(), s.operations)),
                       "recording: records were dropped", latency::error);
}

TEST_CASE("step kernels: device time of spans that moved the most bytes, ops below them added up") {
  made_steps s;
  for (const std::int64_t bytes : {10, 30, 30}) {
    const latency::span_id span = s.made.span("kv_sink_concat", 0, 0, 1000, {{"bytes", bytes}});
    s.kernel("copy", span, 0, bytes);
    s.kernel("copy", s.made.span("inner", span, 0, 1000), 40, 41);
  }
  s.kernel("copy", s.made.span("kv_temp_clone", 0, 0, 1000, {{"bytes", 90}}), 0, 7);
  const benchmarks::moved_bytes moved =
      benchmarks::device_time_of_spans(s.made.run(), "kv_sink_concat");
  CHECK(moved.bytes == 30);
  CHECK(moved.us == std::vector<double>{31000, 31000});
}
