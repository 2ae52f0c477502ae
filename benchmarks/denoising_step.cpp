// Where a denoising step of LongLive at full size spends the GPU's time: every kernel with its
// work, its rate and the distance to its floor, and the gaps between launches; then what the
// published cache policy costs in every layer. Recorded by the library itself (latency/cupti.hpp):
// kernels belong to the spans that launched them.
//
//   denoising_step [--blocks 9] [--machine WORDS] [--timing_file FILE] [-o FILE]
#include <cuda_runtime.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <latency/cupti.hpp>
#include <string>
#include <utility>
#include <vector>

#include "benchmarks/cuda_ok.hpp"
#include "benchmarks/longlive_clips.hpp"
#include "benchmarks/result_file.hpp"
#include "benchmarks/spanned_ops.hpp"
#include "benchmarks/step_kernels.hpp"
#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/weight_source.hpp"
#include "pipeline_reference/longlive/interactive_pipeline.hpp"
#include "pipeline_reference/ops/cuda/cuda_backend.hpp"

namespace {

struct recorded_clip {
  latency::recording run;
  std::map<latency::span_id, benchmarks::operation> operations;
};

// The second of two clips: the first chooses the algorithms of products.
recorded_clip record(longlive::kv_policy policy, const longlive::dead_work& skips,
                     std::int64_t blocks, const std::string& timing_file,
                     ops::cuda::cuda_backend& backend) {
  const longlive::dit_config dit_config;
  longlive::generation_config g;
  g.latent_frames = blocks * g.latent_frames_per_block;
  g.skips = skips;
  benchmarks::spanned_ops spanned(backend.transformer());
  longlive::causal_dit dit(dit_config, longlive::dit_options(g, true),
                           checkpoint::random_weights(1), backend.memory(), spanned);
  longlive::interactive_pipeline pipeline(dit, g, policy, backend.memory(), spanned);
  longlive::given_prompts prompts(backend.memory(),
                                  benchmarks::prompts_of_120_tokens(dit_config, g.segments()));
  longlive::generation_observer nobody;
  const auto clip = [&] {
    pipeline.run({&prompts, {}, {}, 17}, nobody);
    backend.memory().synchronize({});
  };
  clip();
  latency::session session{timing_file};
  const latency::cupti::collector kernels{session};
  if (!kernels.started()) throw latency::error("", "kernels", kernels.why_not());
  clip();
  return {timing_file.empty() ? session.stop() : session.finish(), spanned.operations()};
}

using rows = std::vector<benchmarks::row>;

void add(rows& to, const std::string& name, const char* unit, const std::vector<double>& samples) {
  to.push_back(benchmarks::summarize(name, unit, samples));
}

void add_step(const recorded_clip& clip, rows& to) {
  using benchmarks::done_work;
  const benchmarks::step_kernels step = benchmarks::kernels_of_steps(clip.run, clip.operations);
  add(to, "denoising step, from its first kernel to its last", "ms", step.window_ms);
  add(to, "all kernels, copies and memsets", "ms", step.busy_ms);
  double floor = 0;
  for (const benchmarks::kernel_group& g : step.groups)
    floor += benchmarks::floor_ms(g.flops, g.bytes);
  to.back().reference_name = "floor";
  to.back().reference_value = floor;
  add(to, "gaps between them", "ms", step.gaps_ms);
  add(to, "gaps of one layer", "us", step.layer_gaps_us);
  add(to, "launches", "launches", step.launches);
  for (const benchmarks::kernel_group& g : step.groups) {
    add(to, fmt::format("{} x {}: {}", g.calls, g.operation, g.kernel), "ms", g.step_ms);
    if (g.flops + g.bytes == 0) continue;
    benchmarks::row& row = to.back();
    row.reference_name = "floor";
    row.reference_value = benchmarks::floor_ms(g.flops, g.bytes);
    const bool by_arithmetic = benchmarks::floor_ms(g.flops, 0) >= benchmarks::floor_ms(0, g.bytes);
    row.work = by_arithmetic ? done_work{done_work::kind::flops, g.flops}
                             : done_work{done_work::kind::bytes, g.bytes};
  }
}

// What the published policy moves in a layer; bytes are read and written.
void add_roll(const recorded_clip& clip, rows& to) {
  for (const char* span : {"kv_temp_clone", "kv_roll_and_insert", "kv_direct_insert",
                           "kv_sink_concat", "kv_cache_apply"}) {
    const benchmarks::moved_bytes moved = benchmarks::device_time_of_spans(clip.run, span);
    add(to, fmt::format("roll policy, one layer: {}", span), "us", moved.us);
    to.back().work = {benchmarks::done_work::kind::bytes, 2.0 * static_cast<double>(moved.bytes)};
  }
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Takes a denoising step of LongLive apart on this machine's GPU."};
  std::int64_t blocks = 9;
  std::string output, machine, timing_file;
  app.add_option("--blocks", blocks, "temporal blocks; the window is full after four")
      ->check(CLI::Range(6, 80));
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("--timing_file", timing_file, "also write the recording of the ring policy");
  app.add_option("-o,--json", output, "result file to write");
  CLI11_PARSE(app, argc, argv);
  ops::cuda::cuda_backend backend;
  if (machine.empty()) machine = benchmarks::this_machine() + ", " + benchmarks::gpu_name();
  rows found;
  add_step(
      record(longlive::kv_policy::ring, longlive::dead_work::all(), blocks, timing_file, backend),
      found);
  add_roll(record(longlive::kv_policy::roll, longlive::dead_work::all(), blocks, "", backend),
           found);
  benchmarks::report(found, machine, fmt::format("denoising_step --blocks {}", blocks), output);
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "denoising_step: %s\n", e.what());
  return 2;
}
