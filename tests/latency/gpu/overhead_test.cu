// measure_overhead with every tier on a device: what must hold whatever the times are.
#include <doctest/doctest.h>

#include <latency/cuda_overhead.hpp>
#include <latency/cupti_overhead.hpp>
#include <set>

#include "work.cuh"

using latency::measured_time;

namespace {

void check(cudaError_t code) {  // in a sample's process, where doctest's macros end nothing
  if (code != cudaSuccess) throw latency::error(cudaGetErrorString(code));
}

// A graph and plain launches: each kernel adds one to each of 32 floats.
void two_loops(latency::overhead_trial& trial) {
  cudaStream_t stream = nullptr;
  float* data = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  check(cudaMalloc(&data, 32 * sizeof *data));
  check(cudaMemset(data, 0, 32 * sizeof *data));
  check(cudaDeviceSynchronize());
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  {
    latency::cuda::scope window{stream, "captured"};
    work::small<<<1, 32, 0, stream>>>(data);
  }
  check(cudaStreamEndCapture(stream, &graph));
  check(cudaGraphInstantiate(&executable, graph, 0));
  std::size_t nodes = 0;
  check(cudaGraphGetNodes(graph, nullptr, &nodes));
  int launches = 0;
  {
    const latency::cuda::graph_timing timing{executable, graph};
    latency::cuda::time(trial, "replay", stream, [&] {
      check(latency::cuda::launch(executable, stream));
      ++launches;
    });
  }
  latency::cuda::time(trial, "kernel", stream, [&] {
    latency::cuda::scope window{stream, "plain"};
    work::small<<<1, 32, 0, stream>>>(data);
    ++launches;
  });
  trial.time("nodes " + std::to_string(nodes), [] {});
  float sum = 0;
  check(cudaMemcpy(&sum, data, sizeof sum, cudaMemcpyDeviceToHost));
  if (sum != static_cast<float>(launches)) throw latency::error("kernels are missing");
  check(cudaGraphExecDestroy(executable));
  check(cudaGraphDestroy(graph));
  check(cudaFree(data));
  check(cudaStreamDestroy(stream));
}

}  // namespace

TEST_CASE("measure_overhead: every tier measures on the device, in processes of their own") {
  latency::overhead_options options;
  options.rounds = 2;
  options.passes = 4;
  options.warm_up_passes = 1;
  options.tiers = {latency::spans_tier(), latency::cuda::events_tier(),
                   latency::cuda::graph_events_tier(), latency::cupti::kernel_totals_tier(),
                   latency::cupti::kernels_tier()};
  const latency::overhead_result found = latency::measure_overhead(two_loops, options);
  CHECK_FALSE(latency::detail::has_other_threads());  // CUDA was never started here
  CHECK(found.tiers == std::vector<std::string>{"off", "spans", "events", "graph_events",
                                                "kernel_totals", "kernels"});
  CHECK(found.samples.size() == 12);
  CHECK(found.loops == std::vector<std::string>{"replay", "kernel", "nodes 1"});
  for (const std::string& tier : found.tiers)
    for (const char* loop : {"replay", "kernel"})
      for (const measured_time of : {measured_time::host, measured_time::device}) {
        const std::vector<double> ns = found.times_ns(loop, tier, of);
        CHECK_MESSAGE(ns.size() == 2, tier << ' ' << loop);
        for (const double one : ns) CHECK_MESSAGE((one > 0 && one < 1e9), tier << ' ' << one);
      }
  // Only windows in graphs add nodes to them: an event before the kernel and one behind it.
  std::set<std::string> nodes;
  for (const latency::overhead_sample& sample : found.samples)
    nodes.insert(sample.tier + ": " + sample.loops.back().loop);
  CHECK(nodes == std::set<std::string>{"off: nodes 1", "spans: nodes 1", "events: nodes 1",
                                       "graph_events: nodes 3", "kernel_totals: nodes 1",
                                       "kernels: nodes 1"});
}

TEST_CASE("measure_overhead: work that the device refuses gives one line that names the tier") {
  latency::overhead_options options;
  options.rounds = 1;
  std::string message;
  try {
    static_cast<void>(latency::measure_overhead(
        [](latency::overhead_trial& trial) {
          cudaStream_t stream = nullptr;
          check(cudaStreamCreate(&stream));
          latency::cuda::time(trial, "loop", stream,
                              [&] { work::small<<<1, 32, 0, stream>>>(nullptr); });
        },
        options));
  } catch (const latency::error& e) {
    message = e.what();
  }
  CHECK_MESSAGE(message.find("measure_overhead: off: what the loop put on the stream: ") == 0,
                message);
}

TEST_CASE("measure_overhead: refused once CUDA has been used") {
  CUDA_OK(cudaFree(nullptr));
  CHECK_THROWS_WITH_AS(
      static_cast<void>(latency::measure_overhead(two_loops)),
      "measure_overhead: this process has started threads (CUDA and sessions do): call it before",
      latency::error);
}
