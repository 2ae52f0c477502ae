// Device times without a profiler: a window for each stage of a step, measured with CUDA events.
#include <cuda_runtime.h>

#include <cstdio>
#include <latency/cuda.hpp>
#include <latency/latency.hpp>
#include <latency/statistics.hpp>
#include <map>
#include <string>
#include <vector>

__global__ void scale(float* data, float factor, int times) {
  float value = data[blockIdx.x * blockDim.x + threadIdx.x];
  for (int i = 0; i < times; ++i) value *= factor;
  data[blockIdx.x * blockDim.x + threadIdx.x] = value;
}

int main() {
  constexpr int blocks = 4096, threads = 256;
  float* data = nullptr;
  cudaStream_t stream = nullptr;
  if (cudaMalloc(&data, sizeof(float) * blocks * threads) != cudaSuccess ||
      cudaStreamCreate(&stream) != cudaSuccess) {
    std::fprintf(stderr, "skipped: no CUDA device\n");
    return 77;
  }
  latency::session run;            // "timing.json" here would write a file
  latency::cuda::events gpu{run};  // makes the events
  for (int step = 0; step < 50; ++step) {
    latency::cuda::scope whole{stream, "step", {"step", step}};
    latency::cuda::stages stage{stream};  // one event for each boundary
    stage.next("attention");
    scale<<<blocks, threads, 0, stream>>>(data, 0.999f, 1000);
    stage.next("ffn");
    for (int i = 0; i < 3; ++i) scale<<<blocks, threads, 0, stream>>>(data, 0.999f, 500);
  }
  const bool fine = cudaDeviceSynchronize() == cudaSuccess;
  const latency::recording recorded = run.stop();
  cudaFree(data);

  std::map<std::string, std::vector<double>> us;
  for (const latency::event_window& w : recorded.event_windows)
    us[recorded.strings[w.name]].push_back(static_cast<double>(w.end_ns - w.start_ns) / 1000);
  for (const auto& [name, values] : us)
    std::printf("%-10s n %zu  P50 %8.1f us  P95 %8.1f us\n", name.c_str(), values.size(),
                latency::percentile(values, 50), latency::percentile(values, 95));
  return fine && recorded.event_windows.size() == 150 ? 0 : 1;
}
