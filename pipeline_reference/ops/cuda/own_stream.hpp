#pragma once
// The stream that stands for ops::stream{} on a device: one queue of the back end's own, so that
// set-up and generation are in order, and independent of every other stream.

#include "pipeline_reference/ops/cuda/cuda_check.hpp"
#include "pipeline_reference/ops/tensor.hpp"

namespace ops::cuda {

class own_stream {
 public:
  own_stream() {
    check(cudaStreamCreateWithFlags(&handle_, cudaStreamNonBlocking), "creating a stream");
  }
  ~own_stream() { cudaStreamDestroy(handle_); }
  own_stream(const own_stream&) = delete;
  own_stream& operator=(const own_stream&) = delete;

  [[nodiscard]] cudaStream_t of(stream s) const noexcept {
    return s.handle != nullptr ? static_cast<cudaStream_t>(s.handle) : handle_;
  }

 private:
  cudaStream_t handle_ = nullptr;
};

}  // namespace ops::cuda
