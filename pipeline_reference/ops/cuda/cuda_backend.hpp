#pragma once
// The CUDA back end: stream, memory, products and operations in one object, on the device that is
// current when it is made. One thread at a time per stream; ops::stream{} is the back end's own.

#include <string>

#include "pipeline_reference/ops/cuda/cuda_memory.hpp"
#include "pipeline_reference/ops/cuda/cuda_transformer_ops.hpp"
#include "pipeline_reference/ops/cuda/cuda_vae_ops.hpp"
#include "pipeline_reference/ops/cuda/matrix_products.hpp"
#include "pipeline_reference/ops/cuda/own_stream.hpp"

namespace ops::cuda {

class cuda_backend {
 public:
  // Throws latency::error when there is no device that it can use.
  explicit cuda_backend(std::string product_cache = default_product_cache())
      : products_(std::move(product_cache)),
        memory_(own_),
        transformer_(own_, memory_, products_),
        vae_(own_, memory_, products_) {}

  [[nodiscard]] cuda_memory& memory() noexcept { return memory_; }
  [[nodiscard]] cuda_transformer_ops& transformer() noexcept { return transformer_; }
  [[nodiscard]] cuda_vae_ops& vae() noexcept { return vae_; }
  [[nodiscard]] device_facts facts() const { return current_device_facts(); }
  [[nodiscard]] cudaStream_t own() const noexcept { return own_.of({}); }

 private:
  own_stream own_;
  matrix_products products_;
  cuda_memory memory_;
  cuda_transformer_ops transformer_;
  cuda_vae_ops vae_;
};

}  // namespace ops::cuda
