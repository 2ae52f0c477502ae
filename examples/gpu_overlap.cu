// Two streams at once: the sum of kernel times is not the time that the device was busy, and only
// shares can be added up. One span launches on each stream, from one thread.
#include <cuda_runtime.h>

#include <cstdio>
#include <latency/cupti.hpp>
#include <latency/device_accounting.hpp>
#include <latency/latency.hpp>

// Runs for `wanted_ns` on one multiprocessor, so that kernels of two streams run side by side.
__global__ void spin(long long wanted_ns) {
  long long start_ns = 0, now_ns = 0;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(start_ns));
  do asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now_ns));
  while (now_ns - start_ns < wanted_ns);
}

int main() {
  cudaStream_t compute = nullptr, transfer = nullptr;
  if (cudaStreamCreate(&compute) != cudaSuccess || cudaStreamCreate(&transfer) != cudaSuccess) {
    std::fprintf(stderr, "skipped: no CUDA device\n");
    return 77;
  }
  spin<<<1, 1>>>(1000);  // the first launch loads the module
  cudaDeviceSynchronize();

  latency::session run;
  latency::cupti::collector gpu{run};
  if (!gpu.started()) {
    std::fprintf(stderr, "skipped: no kernels: %s\n", gpu.why_not().c_str());
    return 77;
  }
  {
    LATENCY_SCOPE("step");
    {
      LATENCY_SCOPE("denoise");
      for (int i = 0; i < 4; ++i) spin<<<1, 1, 0, compute>>>(1000000);
    }
    LATENCY_SCOPE("decode");
    for (int i = 0; i < 2; ++i) spin<<<1, 1, 0, transfer>>>(1000000);
  }
  const bool fine = cudaDeviceSynchronize() == cudaSuccess;
  const latency::recording recorded = run.stop();

  const latency::span_tree tree(recorded);
  const latency::device_accounting devices(recorded, tree);
  const auto ms = [](std::int64_t ns) { return static_cast<double>(ns) / 1e6; };
  std::printf("%-8s %9s %9s %9s\n", "", "sum ms", "busy ms", "share ms");
  for (const std::uint32_t i : tree.preorder()) {
    const latency::op_set ops = devices.total(i).subtree;
    std::printf("%-8s %9.3f %9.3f %9.3f\n", recorded.name_of(recorded.spans[i]).c_str(),
                ms(ops.sum_ns), ms(ops.busy_ns), ms(ops.share_ns));
  }
  std::printf("The shares of denoise and decode add up to that of step, which is its busy time.\n");
  return fine && recorded.device_ops.size() == 6 ? 0 : 1;
}
