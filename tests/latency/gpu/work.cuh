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
// For launch_early(): lets the kernel behind it begin, and waits for the one ahead.
__global__ inline void small_early(float* data) {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;\ngriddepcontrol.launch_dependents;" ::: "memory");
#endif
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

// With what lets it begin while the kernel ahead still ends; in a graph, an edge that says so.
inline void launch_early(void (*kernel)(float*), unsigned threads, cudaStream_t on, float* data) {
  cudaLaunchAttribute early{};
  early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  early.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = 1;
  config.blockDim = threads;
  config.stream = on;
  config.attrs = &early;
  config.numAttrs = 1;
  CUDA_OK(cudaLaunchKernelEx(&config, kernel, data));
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

// A graph that is captured here or built by the test, and its executable.
struct graph {
  graph() = default;
  graph(const graph&) = delete;
  graph& operator=(const graph&) = delete;
  ~graph() {
    if (exec != nullptr) cudaGraphExecDestroy(exec);
    if (handle != nullptr) cudaGraphDestroy(handle);
  }
  // Where other threads use CUDA meanwhile, `mode` says which calls of theirs break the capture.
  template <class Body>
  void capture(cudaStream_t on, const Body& body,
               cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal) {
    CUDA_OK(cudaStreamBeginCapture(on, mode));
    body();
    CUDA_OK(cudaStreamEndCapture(on, &handle));
  }
  void instantiate() { CUDA_OK(cudaGraphInstantiate(&exec, handle, 0)); }
  cudaGraph_t handle = nullptr;
  cudaGraphExec_t exec = nullptr;
};

}  // namespace work
