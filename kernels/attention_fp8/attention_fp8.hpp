#pragma once
// Attention forward with operands of e4m3 (FP8): o = softmax(scale q k^T) v and the logarithm of
// the softmax's denominator. Scores, sums and output are fp32 inside, the output is bf16. Hopper
// only; README.md says how.

#include <cuda_fp8.h>

#include <cstdint>

#include "kernels/attention/attention.hpp"

namespace kernels {

// Values [batch, heads, head_dim, keys], keys contiguous in the order of fp8::key_at, as
// quantize_values() writes them; strides in elements. Rows hold fp8::groups(tokens) * 128 keys.
template <class Element>
struct transposed_tensor {
  Element* data = nullptr;
  std::int64_t batch_stride = 0, head_stride = 0, dim_stride = 0;
};

// head_dim is 128. Addresses and strides are multiples of 16 bytes. Exponents: numbers of
// group g, rows 128 g to 128 g + 127, stand for themselves times 2^exponent; arrays [batch, heads,
// fp8::groups(tokens)].
struct attention_fp8_params {
  attention_tensor<const __nv_fp8_e4m3> q;   // [b, s_q, h, 128]
  attention_tensor<const __nv_fp8_e4m3> k;   // [b, s_kv, h_kv, 128]
  transposed_tensor<const __nv_fp8_e4m3> v;  // [b, h_kv, 128, s_kv rounded up to 128]
  const int* q_exponents = nullptr;
  const int* k_exponents = nullptr;
  const int* v_exponents = nullptr;
  attention_tensor<__nv_bfloat16> o;  // [b, s_q, h, 128]
  float* lse = nullptr;               // as in attention_params, and so the rest
  int batch = 1, heads = 1, heads_kv = 1, tokens_q = 0, tokens_kv = 0;
  float scale = 1;
  const int* valid_rows = nullptr;
  void* workspace = nullptr;  // attention_workspace_bytes(), zero before the first use
};

// Whether the current device can run it.
[[nodiscard]] bool attention_fp8_runs_here();

// Launches on `stream`, may be captured in a graph, and waits for nothing. A row with no key to see
// gives o = 0 and lse = -infinity. NaN in a query or key stays in its rows. Throws
// std::invalid_argument for shapes, strides or a device that it does not take, std::runtime_error
// when the launch fails.
void attention_fp8(const attention_fp8_params& params, cudaStream_t stream);

}  // namespace kernels
