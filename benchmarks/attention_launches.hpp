#pragma once
// The attention problems that bench_kernels measures: their shapes, and launches over rotated
// buffers of random numbers that together exceed L2 twice. CUDA's errors are latency::error.

#include <cuda_runtime.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "benchmarks/cuda_ok.hpp"

namespace benchmarks {

enum class attention_format { bf16, e4m3 };

struct attention_shape {
  const char* name;
  int batch, heads, tokens_q, tokens_kv, head_dim;
  bool causal;
  attention_format format = attention_format::bf16;
};

class device_memory {
 public:
  explicit device_memory(std::size_t bytes) { CUDA_OK(cudaMalloc(&data_, bytes)); }
  ~device_memory() { cudaFree(data_); }
  device_memory(device_memory&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  device_memory& operator=(device_memory&&) = delete;
  template <class Element>
  [[nodiscard]] Element* as() const {
    return static_cast<Element*>(data_);
  }

 private:
  void* data_ = nullptr;
};

class attention_launches {
 public:
  explicit attention_launches(const attention_shape& shape);

  // Launches over the buffers of turn `i`.
  void operator()(std::size_t i, cudaStream_t stream) const { turns_[i % turns_.size()](stream); }
  // What runs, in words.
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  void add_bf16(const attention_shape& shape);
  void add_e4m3(const attention_shape& shape);

  device_memory workspace_;
  std::vector<device_memory> memory_;
  std::vector<std::function<void(cudaStream_t)>> turns_;
  std::string path_;
};

}  // namespace benchmarks
