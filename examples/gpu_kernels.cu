// Which span launched what on the GPU: add one header and one line to a CUDA program.
#include <cstdio>
#include <latency/cupti.hpp>
#include <latency/device_accounting.hpp>
#include <latency/latency.hpp>

__global__ void scale(float* data, float factor) {
  data[blockIdx.x * blockDim.x + threadIdx.x] *= factor;
}

int main() {
  constexpr int blocks = 4096, threads = 256;
  float* data = nullptr;
  if (cudaMalloc(&data, sizeof(float) * blocks * threads) != cudaSuccess) {
    std::fprintf(stderr, "skipped: no CUDA device\n");
    return 77;
  }
  latency::session run;                // "timing.json" here would write a file
  latency::cupti::collector gpu{run};  // this line
  if (!gpu.started()) std::printf("no kernels: %s\n", gpu.why_not().c_str());
  for (int step = 0; step < 3; ++step) {
    LATENCY_SCOPE("step", {"step", step});
    {
      LATENCY_SCOPE("clear");
      cudaMemsetAsync(data, 0, sizeof(float) * blocks * threads);
    }
    LATENCY_SCOPE("scale");
    for (int i = 0; i < 10; ++i) scale<<<blocks, threads>>>(data, 0.5f);
  }
  const bool fine = cudaDeviceSynchronize() == cudaSuccess;
  const latency::recording recorded = run.stop();
  cudaFree(data);

  const latency::span_tree tree(recorded);
  const latency::device_accounting devices(recorded, tree);
  for (const std::uint32_t i : tree.preorder()) {
    const latency::op_set ops = devices.total(i).own;
    if (ops.ops > 0)
      std::printf("%-6s %3lld ops, busy %lld ns, in a window of %lld ns\n",
                  recorded.name_of(recorded.spans[i]).c_str(), static_cast<long long>(ops.ops),
                  static_cast<long long>(ops.busy_ns), static_cast<long long>(ops.window_ns));
  }
  return fine && recorded.device_ops.size() == (gpu.started() ? 33u : 0u) ? 0 : 1;
}
