#pragma once
// Matrix products of bf16 through cuBLASLt. The algorithm for a shape is chosen by measurement the
// first time that the shape is met, and kept in a file for later runs. Thread-safe.

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "pipeline_reference/ops/cuda/cuda_check.hpp"
#include "pipeline_reference/ops/tensor.hpp"

namespace ops::cuda {

// out = activation(scale * x * weight^T + bias) + residual
struct product_params {
  const_tensor x;       // bf16 [m, k], any row stride
  const_tensor weight;  // bf16 [n, k]; with weight_by_rows_of_k [k, n]; any row stride
  bool weight_by_rows_of_k = false;
  const_tensor bias;      // bf16 [n], optional
  const_tensor residual;  // dtype of out [m, n], optional, may be out
  tensor out;             // bf16 or f32 [m, n], any row stride
  bool gelu = false;      // tanh; not with a residual
  float scale = 1;
};

class matrix_products {
 public:
  static constexpr std::int64_t workspace_bytes = 64 << 20;

  // Algorithms are read from `cache_file` and added to it; empty: chosen anew by every process. A
  // file of another device or library version, or one that cannot be read, is ignored.
  explicit matrix_products(std::string cache_file);
  ~matrix_products();
  matrix_products(const matrix_products&) = delete;
  matrix_products& operator=(const matrix_products&) = delete;

  // Enqueued on the stream. The first product of a shape waits for the device and allocates while
  // it measures, unless the stream captures: then the library's own first choice serves.
  void multiply(const product_params& p, cudaStream_t stream, workspace w);

 private:
  struct plan;  // of one shape
  using shape_key = std::vector<std::int64_t>;

  static shape_key key_of(const product_params& p);
  plan make_plan(const product_params& p);
  void choose(plan& chosen, const product_params& p, cudaStream_t stream);
  void measure(plan& chosen, const product_params& p,
               const std::vector<cublasLtMatmulHeuristicResult_t>& candidates);
  void read_cache();
  void remember(const shape_key& key, const cublasLtMatmulAlgo_t& algorithm);
  void run(const plan& with, const product_params& p, const cublasLtMatmulAlgo_t& algorithm,
           void* work, std::int64_t work_bytes, cudaStream_t stream);

  cublasLtHandle_t library_ = nullptr;
  std::string cache_file_, cache_title_;
  std::mutex lock_;
  std::map<shape_key, plan> plans_;
  std::map<shape_key, cublasLtMatmulAlgo_t> cached_;
};

// Where algorithms are kept by default: $XDG_CACHE_HOME/latency/matrix_products.txt, or below
// $HOME/.cache; empty when neither is set.
[[nodiscard]] std::string default_product_cache();

}  // namespace ops::cuda
