#include <cuda_runtime.h>

#include <latency/cupti.hpp>
#include <latency/latency.hpp>

#include "benchmarks/cuda_ok.hpp"
#include "benchmarks/soak_device.hpp"

namespace {

constexpr int kernels = 20, nodes = 100, replays = 5;

__global__ void step(float* data) {
  data[threadIdx.x] = data[threadIdx.x] * 0.5f + 1.0f;
}

class traced_device : public benchmarks::soak_device {
 public:
  traced_device(latency::session& run, const latency::cupti::options& wanted)
      : collector_(run, wanted) {
    if (!collector_.started()) throw latency::error(collector_.why_not());
    CUDA_OK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    CUDA_OK(cudaMalloc(&data_, 32 * sizeof *data_));
    CUDA_OK(cudaMemset(data_, 0, 32 * sizeof *data_));
    CUDA_OK(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal));
    for (int layer = 0; layer < 10; ++layer) {
      LATENCY_SCOPE("layer");
      for (int i = 0; i < nodes / 10; ++i) step<<<1, 32, 0, stream_>>>(data_);
    }
    CUDA_OK(cudaStreamEndCapture(stream_, &graph_));
    CUDA_OK(cudaGraphInstantiate(&executable_, graph_, 0));
  }
  ~traced_device() override {
    cudaGraphExecDestroy(executable_);
    cudaGraphDestroy(graph_);
    cudaFree(data_);
    cudaStreamDestroy(stream_);
  }
  void make_pixel_frame() override {
    for (int i = 0; i < kernels; ++i) {
      LATENCY_SCOPE("eager");
      step<<<1, 32, 0, stream_>>>(data_);
    }
    for (int i = 0; i < replays; ++i) {
      LATENCY_SCOPE("denoising_step");
      CUDA_OK(cudaGraphLaunch(executable_, stream_));
    }
    CUDA_OK(cudaStreamSynchronize(stream_));
  }
  [[nodiscard]] std::string name() const override { return benchmarks::gpu_name(); }

 private:
  latency::cupti::collector collector_;
  cudaStream_t stream_ = nullptr;
  float* data_ = nullptr;
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t executable_ = nullptr;
};

}  // namespace

std::unique_ptr<benchmarks::soak_device> benchmarks::make_soak_device(latency::session& run,
                                                                      bool totals) {
  CUDA_OK(cudaFree(nullptr));
  latency::cupti::options wanted;
  if (totals) wanted.mode = latency::cupti::collector_mode::aggregate;
  return std::make_unique<traced_device>(run, wanted);
}
