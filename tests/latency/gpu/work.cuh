#pragma once
// Device work of known length and number, for the tests that need a GPU.

#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <cstdint>

#define CUDA_OK(call) REQUIRE((call) == cudaSuccess)

namespace work {

__global__ inline void empty() {}
__global__ inline void small(float* data) {
  data[threadIdx.x] += 1.0f;
}
// Runs for `ns` nanoseconds of the device's clock.
__global__ inline void spin(std::uint64_t ns) {
  std::uint64_t start = 0, now = 0;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(start));
  do {
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  } while (now - start < ns);
}

struct stream {
  stream() { CUDA_OK(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking)); }
  ~stream() { cudaStreamDestroy(handle); }
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  operator cudaStream_t() const { return handle; }
  void wait() const { CUDA_OK(cudaStreamSynchronize(handle)); }
  cudaStream_t handle = nullptr;
};

struct event {
  event() { CUDA_OK(cudaEventCreate(&handle)); }
  ~event() { cudaEventDestroy(handle); }
  event(const event&) = delete;
  event& operator=(const event&) = delete;
  operator cudaEvent_t() const { return handle; }
  cudaEvent_t handle = nullptr;
};

// Device memory and pinned host memory of the same size.
struct buffers {
  explicit buffers(std::size_t wanted) : bytes(wanted) {
    CUDA_OK(cudaMalloc(&device, bytes));
    CUDA_OK(cudaMallocHost(&host, bytes));
  }
  ~buffers() {
    cudaFree(device);
    cudaFreeHost(host);
  }
  buffers(const buffers&) = delete;
  buffers& operator=(const buffers&) = delete;
  std::size_t bytes;
  float* device = nullptr;
  float* host = nullptr;
};

}  // namespace work
