#pragma once
// How kernels are timed: by events on their stream, one launch alone or 20 in a captured graph.
// Everything here throws latency::error, and is for one thread.

#include <cuda_runtime_api.h>

#include "benchmarks/cuda_ok.hpp"

namespace benchmarks {

// A pair of events.
class device_timer {
 public:
  device_timer() {
    CUDA_OK(cudaEventCreate(&start_));
    CUDA_OK(cudaEventCreate(&end_));
  }
  ~device_timer() {
    cudaEventDestroy(end_);
    cudaEventDestroy(start_);
  }
  device_timer(const device_timer&) = delete;
  device_timer& operator=(const device_timer&) = delete;

  // Microseconds between the events around what `work` puts on the stream; waits for them.
  template <class Work>
  double measure_us(cudaStream_t stream, const Work& work) {
    CUDA_OK(cudaEventRecord(start_, stream));
    work();
    CUDA_OK(cudaEventRecord(end_, stream));
    CUDA_OK(cudaEventSynchronize(end_));
    float ms = 0;
    CUDA_OK(cudaEventElapsedTime(&ms, start_, end_));
    return static_cast<double>(ms) * 1000;
  }

 private:
  cudaEvent_t start_ = nullptr, end_ = nullptr;
};

// Launches captured from a stream, to be replayed on it.
class launch_graph {
 public:
  static constexpr int launches = 20;

  // Calls launch(0) to launch(launches - 1), which put their kernels on `stream`.
  template <class Launch>
  launch_graph(cudaStream_t stream, const Launch& launch) : stream_(stream) {
    cudaGraph_t graph = nullptr;
    CUDA_OK(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal));
    for (int i = 0; i < launches; ++i) launch(i);
    CUDA_OK(cudaStreamEndCapture(stream_, &graph));
    CUDA_OK(cudaGraphInstantiate(&replay_, graph, 0));
    CUDA_OK(cudaGraphDestroy(graph));
  }
  ~launch_graph() { cudaGraphExecDestroy(replay_); }
  launch_graph(const launch_graph&) = delete;
  launch_graph& operator=(const launch_graph&) = delete;

  // Microseconds of one launch in one replay.
  double replay_us() {
    return timer_.measure_us(stream_, [this] { CUDA_OK(cudaGraphLaunch(replay_, stream_)); }) /
           launches;
  }

 private:
  device_timer timer_;
  cudaStream_t stream_;
  cudaGraphExec_t replay_ = nullptr;
};

}  // namespace benchmarks
