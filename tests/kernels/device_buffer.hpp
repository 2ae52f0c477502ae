#pragma once
// Device memory of a test, and what fills it.

#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#define CUDA_OK(call) REQUIRE((call) == cudaSuccess)

namespace kernels_test {

template <class Element>
class device_buffer {
 public:
  explicit device_buffer(std::size_t count) : count_(count) {
    CUDA_OK(cudaMalloc(&data_, bytes()));
  }
  explicit device_buffer(const std::vector<Element>& values) : device_buffer(values.size()) {
    if (!values.empty())  // an empty one has no address, and bytes() is at least one
      CUDA_OK(cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice));
  }
  ~device_buffer() { cudaFree(data_); }
  device_buffer(const device_buffer&) = delete;
  device_buffer& operator=(const device_buffer&) = delete;

  void fill_bytes(int byte) { CUDA_OK(cudaMemset(data_, byte, bytes())); }
  [[nodiscard]] Element* get() const { return data_; }
  [[nodiscard]] std::vector<Element> values() const {
    std::vector<Element> result(count_);
    CUDA_OK(cudaMemcpy(result.data(), data_, bytes(), cudaMemcpyDeviceToHost));
    return result;
  }

 private:
  [[nodiscard]] std::size_t bytes() const { return (count_ > 0 ? count_ : 1) * sizeof(Element); }
  std::size_t count_;
  Element* data_ = nullptr;
};

// Numbers about normal (a sum of four uniform ones), of variance 1; quick enough for large tensors.
class random_numbers {
 public:
  explicit random_numbers(std::uint64_t seed) : state_(seed * 2654435761u + 1) {}
  float next() {
    float sum = 0;
    const std::uint64_t bits = next_bits();
    for (int i = 0; i < 4; ++i) sum += static_cast<float>(bits >> (16 * i) & 0xFFFF);
    return (sum / 65536.0f - 2.0f) * 1.7320508f;
  }
  std::vector<__nv_bfloat16> bf16(std::size_t count) {
    std::vector<__nv_bfloat16> result(count);
    for (__nv_bfloat16& x : result) x = __float2bfloat16(next());
    return result;
  }

 private:
  std::uint64_t next_bits() {  // splitmix64
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  std::uint64_t state_;
};

}  // namespace kernels_test
