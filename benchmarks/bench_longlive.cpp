// LongLive's transformer at full size on this machine's GPU, with random weights made there: clips
// through the interactive loop, kernels launched one by one, timed by events on the stream. Prints
// forwards, steady blocks and prompt switches (medians), for windows of 12 and 9 latent frames, for
// batches, with each kind of work that nothing reads, with all of it, and with the published cache
// that moves its rows; then the video decoder and the text encoder. denoising_step takes a step
// apart.
//
//   bench_longlive [--blocks 12] [--pause_ms 4000] [--filter TEXT] [--machine WORDS] [-o FILE]
#include <cuda_runtime.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "benchmarks/counted_memory.hpp"
#include "benchmarks/cuda_ok.hpp"
#include "benchmarks/device_monitor.hpp"
#include "benchmarks/longlive_clips.hpp"
#include "benchmarks/longlive_stages.hpp"
#include "benchmarks/result_file.hpp"
#include "latency/error.hpp"
#include "latency/statistics.hpp"
#include "pipeline_reference/checkpoint/weight_source.hpp"
#include "pipeline_reference/longlive/interactive_pipeline.hpp"
#include "pipeline_reference/ops/cuda/cuda_backend.hpp"
#include "pipeline_reference/ops/transfer.hpp"

namespace {

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

// Marks the stream where the loop reports.
class clip_observer final : public longlive::generation_observer {
 public:
  clip_observer(timeline& times, benchmarks::counted_memory& memory)
      : times_(times), memory_(memory) {}

  struct interval {
    std::int64_t block;
    std::size_t from, to;
  };
  std::vector<interval> blocks, forwards, contexts, recaches;
  benchmarks::counted_memory::counts host_waits;  // of all blocks, switches included

  void block_started(const longlive::block_info& b) override {
    block_ = b;
    forwards_of_block_ = 0;
    begin_ = last_ = times_.mark();
    before_ = memory_.so_far();
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
  benchmarks::counted_memory& memory_;
  benchmarks::counted_memory::counts before_;
  longlive::block_info block_;
  static constexpr std::int64_t steps_ =
      4;  // denoising forwards of a block; one of context follows
  std::int64_t forwards_of_block_ = 0;
  bool switching_ = false;
  std::size_t begin_ = 0, last_ = 0;
};

struct variant {
  std::int64_t window, sink;
  longlive::kv_policy policy;
  longlive::dead_work skips;
  std::string work;  // what it does beyond the least, for its name
  std::int64_t samples = 1;

  [[nodiscard]] std::string text() const {
    return fmt::format("window {}/{}, {}{}{}", window, sink,
                       policy == longlive::kv_policy::ring ? "ring" : "roll", work,
                       samples > 1 ? fmt::format(", batch {}", samples) : "");
  }
};

// The pipeline at its best, a smaller window, each kind of dead work brought back alone, all of it,
// and all of it with the published cache.
std::vector<variant> variants() {
  using longlive::kv_policy;
  const longlive::dead_work all = longlive::dead_work::all();
  std::vector<variant> made = {{12, 3, kv_policy::ring, all, ""}, {9, 3, kv_policy::ring, all, ""}};
  for (const longlive::dead_work_switch& which : longlive::dead_work_switches) {
    longlive::dead_work skips = all;
    skips.*which.left_out = false;
    made.push_back({12, 3, kv_policy::ring, skips, fmt::format(", with {}", which.name)});
  }
  for (const std::int64_t samples : {2, 4})
    made.push_back({12, 3, kv_policy::ring, all, "", samples});
  made.push_back({12, 3, kv_policy::ring, {}, ", all published work"});
  made.push_back({12, 3, kv_policy::roll, {}, ", all published work"});
  return made;
}

void add_samples(const variant& v, const char* what, const char* unit,
                 const std::vector<double>& samples, std::vector<benchmarks::row>& rows) {
  rows.push_back(benchmarks::summarize(fmt::format("{}: {}", v.text(), what), unit, samples));
  const auto [least, most] = std::minmax_element(samples.begin(), samples.end());
  fmt::print("  {:<36} {:>8.3f} {}, n {}, {:.3f} to {:.3f}\n", what, rows.back().value, unit,
             samples.size(), *least, *most);
}

bool all_finite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
}

std::string pci_bus_id() {
  char id[32];
  CUDA_OK(cudaDeviceGetPCIBusId(id, sizeof id, 0));
  return id;
}

// The last four blocks of a clip have the prompt switches.
std::int64_t first_switch_block(const longlive::generation_config& g) {
  return g.blocks() - 4;
}

void add_clip(const variant& v, const longlive::generation_config& g, const timeline& times,
              const clip_observer& observer, std::vector<benchmarks::row>& rows) {
  const std::int64_t full = v.window / g.latent_frames_per_block;  // blocks to fill the window
  const auto steady = [&](const std::vector<clip_observer::interval>& intervals) {
    std::vector<double> ms;
    for (const auto& i : intervals)
      if (i.block >= full && i.block < first_switch_block(g)) ms.push_back(times.ms(i.from, i.to));
    return ms;
  };
  add_samples(v, "denoising forward and sampler step", "ms", steady(observer.forwards), rows);
  add_samples(v, "context pass", "ms", steady(observer.contexts), rows);
  const std::vector<double> blocks_ms = steady(observer.blocks);
  add_samples(v, "steady block", "ms", blocks_ms, rows);
  std::vector<double> rates;
  for (const double ms : blocks_ms)
    rates.push_back(static_cast<double>(g.samples * g.latent_frames_per_block) / ms * 1000);
  add_samples(v, "latent frames, of all samples", "latent frames/s", rates, rows);
  std::vector<double> switches;
  for (const auto& i : observer.recaches) switches.push_back(times.ms(i.from, i.to));
  add_samples(v, "prompt switch with recache", "ms", switches, rows);
  fmt::print("  within blocks: {} allocations, {} downloads, {} waits for the device\n",
             observer.host_waits.allocations, observer.host_waits.downloads,
             observer.host_waits.waits);
}

// The device rests before the clip that counts, so that all begin equally cool.
void measure(const variant& v, std::int64_t blocks, std::chrono::milliseconds pause,
             ops::cuda::cuda_backend& backend, std::vector<benchmarks::row>& rows) {
  longlive::dit_config dit_config;
  longlive::generation_config g;
  g.window_latent_frames = v.window;
  g.sink_latent_frames = v.sink;
  g.skips = v.skips;
  g.samples = v.samples;
  g.latent_frames = blocks * g.latent_frames_per_block;
  g.switch_latent_frames = {first_switch_block(g) * g.latent_frames_per_block,
                            (blocks - 2) * g.latent_frames_per_block};

  const auto begin = std::chrono::steady_clock::now();
  const cudaStream_t stream = backend.own();
  benchmarks::counted_memory memory(backend.memory());
  longlive::causal_dit dit(dit_config, longlive::dit_options(g, false),
                           checkpoint::random_weights(1), memory, backend.transformer());
  longlive::interactive_pipeline pipeline(dit, g, v.policy, memory, backend.transformer());
  longlive::given_prompts prompts(backend.memory(),
                                  benchmarks::prompts_of_120_tokens(dit_config, g.segments()));
  backend.memory().synchronize({});
  fmt::print("{}\n  model ready in {:.2f} s, ", v.text(),
             std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  std::size_t free_bytes = 0, total_bytes = 0;
  CUDA_OK(cudaMemGetInfo(&free_bytes, &total_bytes));
  fmt::print("{:.2f} GiB of memory in use\n",
             static_cast<double>(total_bytes - free_bytes) / (1 << 30));

  {
    timeline times(stream);  // the first clip chooses algorithms of products
    clip_observer observer(times, memory);
    pipeline.run({&prompts, {}, {}, 17}, observer);
    backend.memory().synchronize({});
  }
  std::this_thread::sleep_for(pause);
  timeline times(stream);
  clip_observer observer(times, memory);
  benchmarks::device_monitor monitor(pci_bus_id());
  pipeline.run({&prompts, {}, {}, 17}, observer);
  backend.memory().synchronize({});
  const auto state = monitor.stop();
  add_clip(v, g, times, observer, rows);
  if (state) add_samples(v, "SM clock", "MHz", {state->sm_clock_mhz}, rows);
  if (state) add_samples(v, "power", "W", {state->power_w}, rows);
  std::vector<float> latents(static_cast<std::size_t>(pipeline.latents().elements()));
  ops::download_floats(backend.memory(), pipeline.latents(), latents);
  if (!all_finite(latents)) throw latency::error("bench_longlive", "latents", "are not finite");
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures LongLive's transformer at full size on this machine's GPU."};
  std::int64_t blocks = 12, pause_ms = 4000;
  std::string output, machine, filter;
  app.add_option("--blocks", blocks, "temporal blocks; two prompt switches among the last four")
      ->check(CLI::Range(11, 80));
  app.add_option("--pause_ms", pause_ms, "rest of the device before each clip that counts")
      ->check(CLI::Range(0, 60000));
  app.add_option("--filter", filter, "only what has this in its name");
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("-o,--json", output, "result file to write");
  CLI11_PARSE(app, argc, argv);
  ops::cuda::cuda_backend backend;
  if (machine.empty()) machine = benchmarks::this_machine() + ", " + benchmarks::gpu_name();
  std::vector<benchmarks::row> rows;
  for (const variant& v : variants())
    if (v.text().find(filter) != std::string::npos)
      measure(v, blocks, std::chrono::milliseconds(pause_ms), backend, rows);
  if (filter.empty()) benchmarks::measure_video_decoder(backend, rows);
  if (filter.empty()) benchmarks::measure_text_encoder(backend, rows);
  if (!output.empty())
    benchmarks::report(rows, machine,
                       fmt::format("bench_longlive --blocks {} --pause_ms {}", blocks, pause_ms),
                       output);
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_longlive: %s\n", e.what());
  return 2;
}
