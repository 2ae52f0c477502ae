#include <cuda_runtime.h>

#include <latency/cuda_overhead.hpp>
#include <latency/cupti_overhead.hpp>

#include "benchmarks/cuda_ok.hpp"
#include "benchmarks/overhead_cases.hpp"
#include "benchmarks/overhead_gemm.hpp"

namespace benchmarks {
namespace {

constexpr int threads = 256, blocks = 8;
constexpr int layer = 10;  // kernels in a window

__global__ void add_one(std::uint32_t* counts) {
  counts[blockIdx.x * blockDim.x + threadIdx.x] += 1;
}

constexpr long long preparing_cycles = 8'000, working_cycles = 20'000;  // 4 and 10 us on an H100

// A kernel with something to do before it needs what the kernel before it wrote. Launched with
// programmatic stream serialization, it does that while the other still works.
__global__ void prepare_then_add_one(std::uint32_t* counts) {
  long long start = clock64();
  while (clock64() - start < preparing_cycles) {
  }
  cudaGridDependencySynchronize();
  cudaTriggerProgrammaticLaunchCompletion();
  counts[blockIdx.x * blockDim.x + threadIdx.x] += 1;
  start = clock64();
  while (clock64() - start < working_cycles) {
  }
}

// How often each of some threads has added one.
class counters {
 public:
  counters() {
    CUDA_OK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    CUDA_OK(cudaMalloc(&counts_, bytes));
    CUDA_OK(cudaMemset(counts_, 0, bytes));
    CUDA_OK(cudaDeviceSynchronize());
  }
  counters(const counters&) = delete;
  counters& operator=(const counters&) = delete;
  ~counters() {
    cudaFree(counts_);
    cudaStreamDestroy(stream_);
  }

  [[nodiscard]] cudaStream_t stream() const { return stream_; }
  [[nodiscard]] std::uint32_t* data() const { return counts_; }
  // Throws latency::error unless every thread has added as often.
  void check(std::uint32_t times) const {
    std::vector<std::uint32_t> found(blocks * threads);
    CUDA_OK(cudaMemcpy(found.data(), counts_, bytes, cudaMemcpyDeviceToHost));
    for (const std::uint32_t count : found)
      if (count != times)
        throw latency::error("a counter is " + std::to_string(count) + " in place of " +
                             std::to_string(times));
  }

 private:
  static constexpr std::size_t bytes = sizeof(std::uint32_t) * blocks * threads;
  cudaStream_t stream_ = nullptr;
  std::uint32_t* counts_ = nullptr;
};

void launch_layers(int kernels, const counters& on) {
  for (int i = 0; i < kernels / layer; ++i) {
    latency::cuda::scope window{on.stream(), "layer"};
    for (int k = 0; k < layer; ++k) add_one<<<blocks, threads, 0, on.stream()>>>(on.data());
  }
}

void time_small_kernels(latency::overhead_trial& trial) {
  constexpr int kernels = 200;
  const counters on;
  std::uint32_t passes = 0;
  latency::cuda::time(trial, "200 small kernels", on.stream(), [&] {
    launch_layers(kernels, on);
    ++passes;
  });
  on.check(passes * kernels);
}

void time_graph(latency::overhead_trial& trial) {
  constexpr int kernels = 100, replays = 10;
  const counters on;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  CUDA_OK(cudaStreamBeginCapture(on.stream(), cudaStreamCaptureModeThreadLocal));
  launch_layers(kernels, on);
  CUDA_OK(cudaStreamEndCapture(on.stream(), &graph));
  CUDA_OK(cudaGraphInstantiate(&executable, graph, 0));
  std::uint32_t launched = 0;
  {
    const latency::cuda::graph_timing timing{executable, graph};
    latency::cuda::time(trial, "10 replays of a graph of 100 small kernels", on.stream(), [&] {
      for (int i = 0; i < replays; ++i) {
        latency::cuda::scope window{on.stream(), "replay"};
        CUDA_OK(latency::cuda::launch(executable, on.stream()));
        ++launched;
      }
    });
  }
  on.check(launched * kernels);
  CUDA_OK(cudaGraphExecDestroy(executable));
  CUDA_OK(cudaGraphDestroy(graph));
}

constexpr const char* plain_loop = "100 kernels that prepare";
constexpr const char* programmatic_loop = "100 kernels that prepare, programmatic launch";

void time_dependent_launches(latency::overhead_trial& trial) {
  constexpr int kernels = 100;
  const counters on;
  cudaLaunchAttribute overlap{};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t launch{};
  launch.gridDim = blocks;
  launch.blockDim = threads;
  launch.stream = on.stream();
  launch.attrs = &overlap;
  std::uint32_t passes = 0;
  for (const bool programmatic : {false, true}) {
    launch.numAttrs = programmatic ? 1 : 0;
    latency::cuda::time(trial, programmatic ? programmatic_loop : plain_loop, on.stream(), [&] {
      latency::cuda::scope window{on.stream(), "dependent"};
      for (int i = 0; i < kernels; ++i)
        CUDA_OK(cudaLaunchKernelEx(&launch, prepare_then_add_one, on.data()));
      ++passes;
    });
  }
  on.check(passes * kernels);
}

}  // namespace

std::string device_in_words() {
  try {
    return latency::detail::returned_by_child(
        []() -> std::string {
          int devices = 0;
          if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) return "";
          return gpu_name();
        },
        std::chrono::seconds(120));
  } catch (const latency::error& e) {
    throw latency::error("asking for the device: " + std::string(e.what()));
  }
}

std::vector<overhead_case> device_cases() {
  using namespace latency;
  const std::vector<overhead_tier> eager{spans_tier(), cuda::events_tier(),
                                         cupti::kernel_totals_tier(), cupti::kernels_tier()};
  const std::vector<overhead_tier> graphs{cuda::events_tier(), cuda::graph_events_tier(),
                                          cupti::kernel_totals_tier(), cupti::kernels_tier()};
  const std::vector<overhead_tier> device{cuda::events_tier(), cupti::kernel_totals_tier(),
                                          cupti::kernels_tier()};
  return {{"small kernels", time_small_kernels, eager, "", ""},
          {"graph", time_graph, graphs, "", ""},
          {"matrix products", time_feed_forward, device, "", ""},
          {"dependent launches", time_dependent_launches, device, plain_loop, programmatic_loop}};
}

}  // namespace benchmarks
