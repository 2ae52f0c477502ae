// LongLive's transformer at full size on this machine's GPU, with random weights made there: clips
// through the interactive loop, kernels launched one by one, timed by events on the stream. Prints
// forwards, steady blocks and prompt switches (medians), then what one forward spends on which
// operation, for windows of 12 and 9 latent frames, with and without the work that nothing reads,
// and with the published cache that moves its rows; then the video decoder and the text encoder.
//
//   bench_longlive [--blocks 16] [--machine WORDS] [-o FILE]
#include <cuda_runtime.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "benchmarks/counted_memory.hpp"
#include "benchmarks/cuda_ok.hpp"
#include "benchmarks/longlive_stages.hpp"
#include "benchmarks/result_file.hpp"
#include "benchmarks/timed_ops.hpp"
#include "latency/error.hpp"
#include "latency/statistics.hpp"
#include "pipeline_reference/checkpoint/weight_source.hpp"
#include "pipeline_reference/longlive/interactive_pipeline.hpp"
#include "pipeline_reference/ops/cuda/cuda_backend.hpp"
#include "pipeline_reference/ops/random.hpp"
#include "pipeline_reference/ops/transfer.hpp"

namespace {

constexpr double reference_tflops = 790, reference_gbs = 4300;  // of an H200, of large problems

// Points on a stream, whose distances are asked for when all are done.
class timeline {
 public:
  explicit timeline(cudaStream_t stream) : stream_(stream) {}
  ~timeline() {
    for (cudaEvent_t event : events_) cudaEventDestroy(event);
  }
  timeline(const timeline&) = delete;
  timeline& operator=(const timeline&) = delete;

  std::size_t mark() {
    cudaEvent_t event = nullptr;
    CUDA_OK(cudaEventCreate(&event));
    CUDA_OK(cudaEventRecord(event, stream_));
    events_.push_back(event);
    return events_.size() - 1;
  }
  [[nodiscard]] double ms(std::size_t from, std::size_t to) const {
    float ms = 0;
    CUDA_OK(cudaEventElapsedTime(&ms, events_[from], events_[to]));
    return static_cast<double>(ms);
  }

 private:
  cudaStream_t stream_;
  std::vector<cudaEvent_t> events_;
};

// Marks the stream where the loop reports; starts the operations' own times at one forward.
class clip_observer final : public longlive::generation_observer {
 public:
  clip_observer(timeline& times, benchmarks::timed_ops& ops, benchmarks::counted_memory& memory,
                cudaStream_t stream, std::int64_t budget_block)
      : times_(times), ops_(ops), memory_(memory), stream_(stream), budget_block_(budget_block) {}

  struct interval {
    std::int64_t block;
    std::size_t from, to;
  };
  std::vector<interval> blocks, forwards, contexts, recaches;
  std::map<std::string, benchmarks::operation_time> budget;
  benchmarks::counted_memory::counts host_waits;  // of all blocks, switches included

  void block_started(const longlive::block_info& b) override {
    block_ = b;
    forwards_of_block_ = 0;
    begin_ = last_ = times_.mark();
    before_ = memory_.so_far();
    if (b.index == budget_block_) ops_.start(stream_);  // its first forward is taken apart
  }
  void switch_started(const longlive::switch_info&) override {
    switching_ = true;
    last_ = times_.mark();
  }
  void switch_finished(const longlive::switch_info& s, duration) override {
    const std::size_t now = times_.mark();
    recaches.push_back({s.block, last_, now});
    last_ = now;
    switching_ = false;
    forwards_of_block_ = 0;
  }
  void forward_finished(const longlive::forward_info&, const ops::const_tensor&,
                        ops::stream) override {
    const std::int64_t index = forwards_of_block_++;
    if (block_.index == budget_block_ && index == 0) budget = ops_.stop();
    const std::size_t now = times_.mark();
    if (switching_) return;
    (index < steps_ ? forwards : contexts).push_back({block_.index, last_, now});
    last_ = now;
  }
  void block_finished(const longlive::block_info& b, const longlive::latent_batch&, ops::stream,
                      duration) override {
    blocks.push_back({b.index, begin_, times_.mark()});
    const auto of_block = memory_.so_far() - before_;
    host_waits.allocations += of_block.allocations;
    host_waits.downloads += of_block.downloads;
    host_waits.waits += of_block.waits;
  }

 private:
  timeline& times_;
  benchmarks::timed_ops& ops_;
  benchmarks::counted_memory& memory_;
  benchmarks::counted_memory::counts before_;
  cudaStream_t stream_;
  std::int64_t budget_block_;
  longlive::block_info block_;
  static constexpr std::int64_t steps_ =
      4;  // denoising forwards of a block; one of context follows
  std::int64_t forwards_of_block_ = 0;
  bool switching_ = false;
  std::size_t begin_ = 0, last_ = 0;
};

std::vector<longlive::prompt_embedding> prompts_for(const longlive::dit_config& c,
                                                    std::int64_t segments) {
  constexpr std::int64_t tokens = 120;
  std::vector<longlive::prompt_embedding> prompts;
  for (std::int64_t segment = 0; segment < segments; ++segment) {
    std::vector<float> rows(static_cast<std::size_t>(c.text_len * c.text_dim), 0.0F);
    for (std::size_t i = 0; i < static_cast<std::size_t>(tokens * c.text_dim); ++i)
      rows[i] = 0.1F * ops::random_normals(5, static_cast<std::uint32_t>(segment), i / 4)[i % 4];
    prompts.push_back({tokens, std::move(rows)});
  }
  return prompts;
}

struct variant {
  std::int64_t window, sink;
  longlive::kv_policy policy;
  bool skips_dead_work;
  bool taken_apart;  // a forward of it, by operation
  [[nodiscard]] std::string text() const {
    return fmt::format("window {}/{}, {}{}", window, sink,
                       policy == longlive::kv_policy::ring ? "ring" : "roll",
                       skips_dead_work ? "" : ", all published work");
  }
};

constexpr variant variants[] = {{12, 3, longlive::kv_policy::ring, true, true},
                                {9, 3, longlive::kv_policy::ring, true, false},
                                {12, 3, longlive::kv_policy::ring, false, false},
                                {12, 3, longlive::kv_policy::roll, false, true}};

// Milliseconds that an operation's bytes or arithmetic need at the reference rates.
double floor_ms(const benchmarks::operation_time& t) {
  return std::max(t.flops / reference_tflops / 1e9, t.bytes / reference_gbs / 1e6);
}

void add_budget(const variant& v, const std::map<std::string, benchmarks::operation_time>& budget,
                std::vector<benchmarks::row>& rows) {
  std::vector<std::pair<std::string, benchmarks::operation_time>> sorted(budget.begin(),
                                                                         budget.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.second.ms > b.second.ms; });
  benchmarks::operation_time total;
  double total_floor = 0;
  fmt::print("{:<34} {:>5} {:>8} {:>9} {:>8} {:>8} {:>7}\n", "  one forward, by operation", "calls",
             "ms", "TFLOP/s", "GB/s", "floor ms", "of it");
  const auto print = [&](const std::string& label, const benchmarks::operation_time& t,
                         double floor) {
    fmt::print("  {:<32} {:>5} {:>8.3f} {:>9.1f} {:>8.0f} {:>8.3f} {:>6.1f}%\n", label, t.calls,
               t.ms, t.flops / t.ms / 1e9, t.bytes / t.ms / 1e6, floor, 100 * floor / t.ms);
    benchmarks::row row = benchmarks::summarize(
        fmt::format("{}: forward, {} x {}", v.text(), t.calls, label), "ms", {t.ms});
    row.reference_name = "floor";
    row.reference_value = floor;
    rows.push_back(row);
  };
  for (const auto& [label, t] : sorted) {
    total.calls += t.calls;
    total.ms += t.ms;
    total.flops += t.flops;
    total.bytes += t.bytes;
    total_floor += floor_ms(t);
    print(label, t, floor_ms(t));
  }
  print("operations in all", total, total_floor);
}

void add_samples(const variant& v, const char* what, const std::vector<double>& ms,
                 std::vector<benchmarks::row>& rows) {
  rows.push_back(benchmarks::summarize(fmt::format("{}: {}", v.text(), what), "ms", ms));
  fmt::print("  {:<36} {:>8.3f} ms, n {}, {:.3f} to {:.3f}\n", what, rows.back().value, ms.size(),
             *std::min_element(ms.begin(), ms.end()), *std::max_element(ms.begin(), ms.end()));
}

bool all_finite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
}

void measure(const variant& v, std::int64_t blocks, ops::cuda::cuda_backend& backend,
             std::vector<benchmarks::row>& rows) {
  longlive::dit_config dit_config;
  longlive::generation_config g;
  g.window_latent_frames = v.window;
  g.sink_latent_frames = v.sink;
  if (v.skips_dead_work) g.skips = longlive::dead_work::all();
  g.latent_frames = blocks * g.latent_frames_per_block;
  const std::int64_t full = v.window / g.latent_frames_per_block;  // blocks to fill the window
  const std::int64_t budget_block = full + 1, first_switch = blocks - 4;
  g.switch_latent_frames = {first_switch * g.latent_frames_per_block,
                            (blocks - 2) * g.latent_frames_per_block};

  const auto begin = std::chrono::steady_clock::now();
  const cudaStream_t stream = backend.own();
  benchmarks::timed_ops timed(backend.transformer());
  benchmarks::counted_memory memory(backend.memory());
  longlive::causal_dit dit(dit_config, longlive::dit_options(g, false),
                           checkpoint::random_weights(1), memory, timed);
  longlive::interactive_pipeline pipeline(dit, g, v.policy, memory, timed);
  longlive::given_prompts prompts(backend.memory(), prompts_for(dit_config, g.segments()));
  backend.memory().synchronize({});
  fmt::print("{}\n  model ready in {:.2f} s, ", v.text(),
             std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  std::size_t free_bytes = 0, total_bytes = 0;
  CUDA_OK(cudaMemGetInfo(&free_bytes, &total_bytes));
  fmt::print("{:.2f} GiB of memory in use\n",
             static_cast<double>(total_bytes - free_bytes) / (1 << 30));

  for (const bool warm_up : {true, false}) {  // the first clip chooses algorithms of products
    timeline times(stream);
    clip_observer observer(times, timed, memory, stream, warm_up ? -1 : budget_block);
    pipeline.run({&prompts, {}, {}, 17}, observer);
    backend.memory().synchronize({});
    if (warm_up) continue;
    const auto steady = [&](const std::vector<clip_observer::interval>& intervals) {
      std::vector<double> ms;
      for (const auto& i : intervals)
        if (i.block >= full && i.block != budget_block && i.block < first_switch)
          ms.push_back(times.ms(i.from, i.to));
      return ms;
    };
    add_samples(v, "denoising forward and sampler step", steady(observer.forwards), rows);
    add_samples(v, "context pass", steady(observer.contexts), rows);
    add_samples(v, "steady block", steady(observer.blocks), rows);
    std::vector<double> switches;
    for (const auto& i : observer.recaches) switches.push_back(times.ms(i.from, i.to));
    add_samples(v, "prompt switch with recache", switches, rows);
    fmt::print("  within blocks: {} allocations, {} downloads, {} waits for the device\n",
               observer.host_waits.allocations, observer.host_waits.downloads,
               observer.host_waits.waits);
    if (v.taken_apart) add_budget(v, observer.budget, rows);
  }
  std::vector<float> latents(static_cast<std::size_t>(pipeline.latents().elements()));
  ops::download_floats(backend.memory(), pipeline.latents(), latents);
  if (!all_finite(latents)) throw latency::error("bench_longlive", "latents", "are not finite");
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures LongLive's transformer at full size on this machine's GPU."};
  std::int64_t blocks = 16;
  std::string output, machine;
  app.add_option("--blocks", blocks, "temporal blocks; two prompt switches among the last four")
      ->check(CLI::Range(11, 80));
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("-o,--json", output, "result file to write");
  CLI11_PARSE(app, argc, argv);
  ops::cuda::cuda_backend backend;
  cudaDeviceProp properties{};
  CUDA_OK(cudaGetDeviceProperties(&properties, 0));
  if (machine.empty()) machine = properties.name;
  std::vector<benchmarks::row> rows;
  for (const variant& v : variants) measure(v, blocks, backend, rows);
  benchmarks::measure_video_decoder(backend, rows);
  benchmarks::measure_text_encoder(backend, rows);
  if (!output.empty())
    benchmarks::report(rows, machine, fmt::format("bench_longlive --blocks {}", blocks), output);
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_longlive: %s\n", e.what());
  return 2;
}
