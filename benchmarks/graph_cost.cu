// What it costs to measure a CUDA graph of 100 empty kernels: how long a replay takes on the
// device, and its launch on the host.
//
// Traced by CUPTI, alone and by the collector: ways_compared.hpp says how they are compared. With
// windows inside the graph, and no profiler: in turn, in one process.
//
//   graph_cost [--processes N] [--rounds N] [-o benchmarks/results/<machine>/graph_cost.json]
#include <cuda_runtime.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <latency/cuda.hpp>
#include <latency/latency.hpp>
#include <map>
#include <optional>
#include <vector>

#include "benchmarks/cuda_ok.hpp"
#include "benchmarks/result_file.hpp"
#include "benchmarks/tracing_ways.hpp"

namespace {

constexpr int kernels = 100;  // of the graph
constexpr int batch = 10;     // launches between two synchronizations, where the host is timed
constexpr int warm_up_batches = 5;
constexpr std::uint64_t longest_hold_ns = 20'000'000;

__global__ void empty() {}
__global__ void hold(const volatile int* open) {
  std::uint64_t start = 0, now = 0;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(start));
  do {
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  } while (*open == 0 && now - start < longest_hold_ns);
}

class stream {
 public:
  stream() { CUDA_OK(cudaStreamCreateWithFlags(&handle_, cudaStreamNonBlocking)); }
  ~stream() { cudaStreamDestroy(handle_); }
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  operator cudaStream_t() const { return handle_; }
  void wait() const { CUDA_OK(cudaStreamSynchronize(handle_)); }

 private:
  cudaStream_t handle_ = nullptr;
};

// Holds a stream back until the host has put its work there: nobody has to guess how long that
// takes. For longest_hold_ns at most: a launch that waits for the stream would wait forever.
class gate {
 public:
  gate() { CUDA_OK(cudaMallocHost(&open_, sizeof *open_)); }
  ~gate() { cudaFreeHost(open_); }
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;
  // Not while the stream is held back already.
  void close(const stream& on) {
    set(0);
    hold<<<1, 1, 0, on>>>(open_);
  }
  void open() { set(1); }

 private:
  void set(int value) { *static_cast<volatile int*>(open_) = value; }  // the device reads it now

  int* open_ = nullptr;
};

// The kernels, with `scopes` windows around as many of them each.
class graph {
 public:
  graph(cudaStream_t on, int scopes) {
    CUDA_OK(cudaStreamBeginCapture(on, cudaStreamCaptureModeThreadLocal));
    const int in_a_scope = scopes > 0 ? kernels / scopes : kernels;
    for (int i = 0; i < kernels; i += in_a_scope) {
      std::optional<latency::cuda::scope> window;
      std::optional<latency::scope> span;
      if (scopes > 0)
        window.emplace(on, "layer");
      else
        span.emplace("layer");
      for (int k = 0; k < in_a_scope; ++k) empty<<<1, 32, 0, on>>>();
    }
    CUDA_OK(cudaStreamEndCapture(on, &handle));
    CUDA_OK(cudaGraphInstantiate(&exec, handle, 0));
  }
  ~graph() {
    cudaGraphExecDestroy(exec);
    cudaGraphDestroy(handle);
  }
  graph(const graph&) = delete;
  graph& operator=(const graph&) = delete;

  cudaGraph_t handle = nullptr;
  cudaGraphExec_t exec = nullptr;
};

// Host time of a launch: median over batches.
template <class Launch>
double launch_ns(const stream& on, int batches, const Launch& launch) {
  std::vector<double> ns;
  for (int b = 0; b < batches; ++b) {
    const std::int64_t start_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
    for (int i = 0; i < batch; ++i) launch();
    ns.push_back(static_cast<double>(latency::read_clock_ns(CLOCK_MONOTONIC_RAW) - start_ns) /
                 batch);
    on.wait();
  }
  return latency::percentile(ns, 50);
}

// Device time of a replay, between two events: median of those that began when all of it was on
// the stream. Not the first ones of a graph, which upload it.
template <class Launch>
double stretch_us(const stream& on, int replays, const Launch& launch) {
  gate before;
  cudaEvent_t first = nullptr, last = nullptr;
  CUDA_OK(cudaEventCreate(&first));
  CUDA_OK(cudaEventCreate(&last));
  std::vector<double> us;
  for (int i = 0; i < replays; ++i) {
    before.close(on);
    CUDA_OK(cudaEventRecord(first, on));
    launch();
    CUDA_OK(cudaEventRecord(last, on));
    const bool waited = cudaEventQuery(first) == cudaErrorNotReady;
    before.open();
    on.wait();
    float ms = 0;
    CUDA_OK(cudaEventElapsedTime(&ms, first, last));
    if (waited) us.push_back(static_cast<double>(ms) * 1e3);
  }
  CUDA_OK(cudaEventDestroy(first));
  CUDA_OK(cudaEventDestroy(last));
  if (2 * us.size() < static_cast<std::size_t>(replays))
    throw latency::error(fmt::format("only {} of {} replays were on the stream within {} ms",
                                     us.size(), replays, longest_hold_ns / 1'000'000));
  return latency::percentile(us, 50);
}

enum figure : std::size_t { in_launch_ns, in_stretch_us, figures };

// Under one way of tracing. The graph is made while it is on, as the collector needs it to be.
std::array<double, figures> traced(benchmarks::way by, const stream& on) {
  constexpr int batches = 20, replays = 50;
  benchmarks::tracing tracing(by);
  std::array<double, figures> result{};
  {
    LATENCY_SCOPE("measure");
    const graph one(on, 0);
    const auto launch = [&] { CUDA_OK(cudaGraphLaunch(one.exec, on)); };
    launch_ns(on, warm_up_batches, launch);
    result[in_launch_ns] = launch_ns(on, batches, launch);
    result[in_stretch_us] = stretch_us(on, replays, launch);
  }
  tracing.finish(std::uint64_t{kernels} * ((warm_up_batches + batches) * batch + replays) +
                 replays);
  return result;
}

// What a way of tracing does to a replay, and to its launch.
std::vector<benchmarks::row> measure_tracing(int processes, int rounds) {
  using benchmarks::way;
  using benchmarks::way_figure;
  const auto found = benchmarks::in_processes(processes, [rounds] {
    benchmarks::run_on(benchmarks::other_cores());  // threads of the driver's stay there
    CUDA_OK(cudaFree(nullptr));
    const stream on;
    return benchmarks::take_ways<figures>({way::bare, way::keep, way::aggregate}, rounds,
                                          [&](way by) { return traced(by, on); });
  });
  std::vector<benchmarks::row> rows;
  const auto add = [&](const char* name, const char* unit, figure what, double way_figure::*of) {
    for (benchmarks::row& row : benchmarks::way_rows(found, name, unit, what, of))
      rows.push_back(std::move(row));
  };
  add("replay on the device", "us", in_stretch_us, &way_figure::median);
  add("replay over bare CUPTI", "x", in_stretch_us, &way_figure::over_bare);
  add("launch of it", "ns", in_launch_ns, &way_figure::median);
  add("launch over bare CUPTI", "x", in_launch_ns, &way_figure::over_bare);
  return rows;
}

// What windows inside the graph do.
std::vector<benchmarks::row> measure_windows(int rounds) {
  CUDA_OK(cudaFree(nullptr));
  const stream on;
  latency::session_options ring;
  ring.mode = latency::session_mode::ring;
  latency::session run{"", ring};
  latency::cuda::event_options events;
  events.events = 1 << 15;
  latency::cuda::events gpu{run, events};
  if (!gpu.started()) throw latency::error(gpu.why_not());
  struct measured {
    measured(cudaStream_t on, int scopes) : of(on, scopes) { timed.emplace(of.exec, of.handle); }
    graph of;
    std::optional<latency::cuda::graph_timing> timed;
    std::vector<double> plain_ns, own_ns, us;
  };
  std::map<int, measured> by_scopes;
  for (const int scopes : {0, 10, kernels}) by_scopes.try_emplace(scopes, on, scopes);
  for (int round = -1; round < rounds; ++round)
    for (auto& [scopes, one] : by_scopes) {
      const auto plain = [&, exec = one.of.exec] { CUDA_OK(cudaGraphLaunch(exec, on)); };
      const auto own = [&, exec = one.of.exec] { CUDA_OK(latency::cuda::launch(exec, on)); };
      const double plain_ns = launch_ns(on, 20, plain);
      const double us = stretch_us(on, 50, plain);
      std::vector<double> own_ns;
      for (int i = 0; i < 20; ++i) {
        own_ns.push_back(launch_ns(on, 1, own));
        run.poll();  // gives the events back
      }
      if (round < 0) continue;
      one.plain_ns.push_back(plain_ns);
      one.own_ns.push_back(latency::percentile(own_ns, 50));
      one.us.push_back(us);
    }
  std::vector<benchmarks::row> rows;
  for (const auto& [scopes, one] : by_scopes)
    rows.push_back(benchmarks::summarize(fmt::format("replay on the device, {} windows", scopes),
                                         "us", one.us));
  for (const int scopes : {10, kernels}) {
    std::vector<double> node_ns;
    for (std::size_t i = 0; i < by_scopes.at(scopes).us.size(); ++i)
      node_ns.push_back(1e3 * (by_scopes.at(scopes).us[i] - by_scopes.at(0).us[i]) / (2 * scopes));
    rows.push_back(benchmarks::summarize(fmt::format("of that an event node, {} windows", scopes),
                                         "ns", node_ns));
  }
  for (const auto& [scopes, one] : by_scopes) {
    const std::string what = fmt::format(", {} windows", scopes);
    rows.push_back(benchmarks::summarize("cudaGraphLaunch" + what, "ns", one.plain_ns));
    const double plain_ns = rows.back().value;
    rows.push_back(benchmarks::summarize("cuda::launch" + what, "ns", one.own_ns));
    rows.back().reference_name = "cudaGraphLaunch" + what;
    rows.back().reference_value = plain_ns;
  }
  by_scopes.clear();
  const latency::recording r = run.stop();
  if (r.hygiene.dropped_device_ops != 0)
    throw latency::error(fmt::format("{} windows were dropped", r.hygiene.dropped_device_ops));
  return rows;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures what it costs to measure a CUDA graph of 100 empty kernels."};
  int processes = 6, rounds = 10;
  std::string output, machine;
  app.add_option("--processes", processes, "in which ways of tracing are compared")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  app.add_option("--rounds", rounds, "samples of each figure in a process")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("-o", output, "result file to write");
  app.footer(
      "Examples:\n"
      "  graph_cost --processes 2 --rounds 2\n"
      "  graph_cost -o benchmarks/results/h100_16_cores/graph_cost.json");
  CLI11_PARSE(app, argc, argv);

  std::vector<benchmarks::row> rows =
      measure_tracing(processes, rounds);  // before this process uses CUDA
  for (benchmarks::row& row : measure_windows(rounds)) rows.push_back(std::move(row));
  if (machine.empty()) machine = benchmarks::this_machine() + ", " + benchmarks::gpu_name();
  benchmarks::report(rows, machine,
                     fmt::format("graph_cost --processes {} --rounds {}", processes, rounds),
                     output);
} catch (const latency::error& e) {
  std::fprintf(stderr, "graph_cost: %s\n", e.what());
  return 2;
}
