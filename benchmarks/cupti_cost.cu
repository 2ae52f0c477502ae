// What it costs the launching thread that kernels are traced and given to their spans, against bare
// kernel tracing by CUPTI and against no profiler: ways_compared.hpp says how they are compared.
// The launching thread has a core of its own.
//
//   cupti_cost [--processes N] [-o benchmarks/results/<machine>/cupti_cost.json]
#include <cuda_runtime.h>

#include <CLI/CLI.hpp>
#include <array>
#include <latency/latency.hpp>
#include <latency/memory.hpp>

#include "benchmarks/cuda_ok.hpp"
#include "benchmarks/result_file.hpp"
#include "benchmarks/tracing_ways.hpp"

namespace {

__global__ void empty() {}

// Launches between two synchronizations: few enough that the thread never waits for room in the
// device's queue, as it would where tracing makes kernels slower than their launches.
constexpr int batch = 200;
constexpr int warm_up_batches = 5;
constexpr int batches = 25;  // of each way of tracing in each round
constexpr int rounds = 20;   // in a process
constexpr int layer = 10;    // launches in a span

using benchmarks::tracing;
using benchmarks::way;

enum figure : std::size_t { ns_per_launch, longest_us, figures };  // the median, over batches
using sample = std::array<double, figures>;

void launch(const tracing& on, cudaStream_t stream) {
  const benchmarks::bare_tracing* const external = on.external();
  if (external == nullptr) return empty<<<1, 32, 0, stream>>>();
  std::uint64_t popped = 0;
  external->push(CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0, 1);
  empty<<<1, 32, 0, stream>>>();
  external->pop(CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0, &popped);
}

std::int64_t now_ns() {
  return latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
}

class launcher {
 public:
  launcher() {
    benchmarks::run_on(benchmarks::other_cores());  // threads of the driver's stay there
    CUDA_OK(cudaFree(nullptr));
    CUDA_OK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
  }

  sample measure(way of) {
    tracing on(of);
    sample taken{};
    {
      LATENCY_SCOPE("measure");
      for (int b = 0; b < warm_up_batches; ++b) launch_batch(on);
      std::vector<double> ns;
      for (int b = 0; b < batches; ++b) ns.push_back(launch_batch(on) / batch);
      taken[ns_per_launch] = latency::percentile(ns, 50);
      for (int b = 0; b < batches; ++b)
        taken[longest_us] = std::max(taken[longest_us], launch_singly(on));
    }
    on.finish(std::uint64_t{batch} * (warm_up_batches + 2 * batches));
    return taken;
  }

  // Resident memory after a tenth of the launches and after all, under totals.
  std::array<double, 2> watch_memory(std::int64_t launches) {
    tracing on(way::aggregate);
    std::array<double, 2> bytes{};
    LATENCY_SCOPE("measure");
    for (std::int64_t b = 0; b < launches / batch; ++b) {
      launch_batch(on);
      if (b == launches / batch / 10)
        bytes[0] = static_cast<double>(latency::memory::read_usage().rss_bytes);
    }
    bytes[1] = static_cast<double>(latency::memory::read_usage().rss_bytes);
    on.finish(static_cast<std::uint64_t>(launches / batch * batch));
    return bytes;
  }

 private:
  // Host time of the launches.
  double launch_batch(const tracing& on) {
    const std::int64_t start_ns = now_ns();
    for (int i = 0; i < batch / layer; ++i) {
      LATENCY_SCOPE("layer");
      for (int k = 0; k < layer; ++k) launch(on, stream_);
    }
    const std::int64_t took_ns = now_ns() - start_ns;
    CUDA_OK(cudaStreamSynchronize(stream_));
    return static_cast<double>(took_ns);
  }
  // The longest of a batch, each timed by itself.
  double launch_singly(const tracing& on) {
    double longest_us = 0;
    for (int i = 0; i < batch; ++i) {
      const std::int64_t start_ns = now_ns();
      launch(on, stream_);
      longest_us = std::max(longest_us, static_cast<double>(now_ns() - start_ns) / 1000);
    }
    CUDA_OK(cudaStreamSynchronize(stream_));
    return longest_us;
  }

  cudaStream_t stream_ = nullptr;
};

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures what tracing kernels costs the thread that launches them."};
  int processes = 12;
  std::int64_t long_run = 10'000'000;
  std::string output, machine;
  app.add_option("--processes", processes, "for each figure")->check(CLI::Range(2, 1000));
  app.add_option("--long-run", long_run, "kernels of the run whose memory is watched")
      ->check(CLI::Range(std::int64_t{10'000}, std::int64_t{1'000'000'000}));
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("-o", output, "result file to write");
  CLI11_PARSE(app, argc, argv);

  const auto found = benchmarks::in_processes(processes, [] {
    launcher launches;
    return benchmarks::take_ways<figures>({way::bare, way::external, way::keep, way::aggregate},
                                          rounds, [&](way of) { return launches.measure(of); });
  });
  std::vector<benchmarks::row> rows;
  const auto add = [&](const char* name, const char* unit, figure what,
                       double benchmarks::way_figure::*of) {
    for (benchmarks::row& row : benchmarks::way_rows(found, name, unit, what, of))
      rows.push_back(std::move(row));
  };
  add("launch", "ns/launch", ns_per_launch, &benchmarks::way_figure::median);
  add("over bare CUPTI", "x", ns_per_launch, &benchmarks::way_figure::over_bare);
  add("longest of 100000 launches", "us", longest_us, &benchmarks::way_figure::largest);
  const std::array<double, 2> bytes =
      benchmarks::in_a_process([=] { return launcher().watch_memory(long_run); });
  benchmarks::row early = benchmarks::summarize("memory, collector with totals, a tenth of the run",
                                                "MB", {bytes[0] / 1e6});
  benchmarks::row late = benchmarks::summarize(
      "memory, collector with totals, " + std::to_string(long_run) + " kernels", "MB",
      {bytes[1] / 1e6});
  late.reference_name = early.name;
  late.reference_value = early.value;
  rows.push_back(early);
  rows.push_back(late);
  if (machine.empty()) machine = benchmarks::this_machine() + ", " + benchmarks::gpu_name();
  benchmarks::report(rows, machine,
                     "cupti_cost --processes " + std::to_string(processes) + " --long-run " +
                         std::to_string(long_run),
                     output);
} catch (const latency::error& e) {
  std::fprintf(stderr, "cupti_cost: %s\n", e.what());
  return 2;
}
