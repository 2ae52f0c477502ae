#pragma once
// Scaled dot-product attention, forward: o = softmax(scale q k^T + bias) v, and the logarithm of
// the softmax's denominator. bf16 in and out, fp32 inside.
//
// Two paths, chosen by what the device and the shapes allow: `hopper` (sm_90a, head_dim 64 or 128)
// and `plain` (any GPU from sm_80, any head_dim up to 256, a bias). README.md describes both.

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace kernels {

// A tensor [batch, tokens, heads, head_dim] whose head_dim is contiguous; strides in elements.
template <class Element>
struct attention_tensor {
  Element* data = nullptr;
  std::int64_t batch_stride = 0, token_stride = 0, head_stride = 0;
};

struct attention_params {
  attention_tensor<const __nv_bfloat16> q;     // [b, s_q, h, d]
  attention_tensor<const __nv_bfloat16> k, v;  // [b, s_kv, h_kv, d]
  attention_tensor<__nv_bfloat16> o;           // [b, s_q, h, d]
  float* lse = nullptr;  // [b, h, s_q] contiguous: ln of the sum of exp(scores); may be nullptr

  int batch = 1;
  int heads = 1;     // query heads, a multiple of heads_kv
  int heads_kv = 1;  // query head i reads key head i / (heads / heads_kv)
  int tokens_q = 0;
  int tokens_kv = 0;  // rows of the key and value buffers
  int head_dim = 128;
  float scale = 1;  // > 0

  // Query i sees keys j <= i + (valid rows - tokens_q): the last query sees every key.
  bool causal = false;

  // Only rows [0, *valid_rows) of the buffers are keys; in device memory, read when the kernel
  // runs; nullptr: all tokens_kv. Rows behind it must hold finite numbers.
  const int* valid_rows = nullptr;

  // Added to scale q k^T, or nullptr. Strides in elements; 0 repeats (one row for all queries,
  // ...).
  const float* bias = nullptr;
  std::int64_t bias_head_stride = 0, bias_query_stride = 0, bias_key_stride = 1;

  // The last valid key counts this many times, as if it stood there so often. > 0
  float last_key_count = 1;

  // attention_workspace_bytes() bytes of device memory, set to zero once before its first use and
  // used by one launch at a time; nullptr: tiles are not split, and the last wave may run part
  // empty.
  void* workspace = nullptr;
};

enum class attention_path { plain, hopper };

// The path that attention() takes on the current device.
[[nodiscard]] attention_path choose_attention_path(const attention_params& params);

// The path and what its code was compiled for, for reports: "hopper, sm_90a" or "plain, sm_80".
// Throws std::runtime_error where there is no device to ask about the plain path.
[[nodiscard]] std::string describe(attention_path path);

// The same number for all shapes on the current device; 0 where the plain path is the only one.
[[nodiscard]] std::size_t attention_workspace_bytes();

// Launches on `stream`, may be captured in a graph, and waits for nothing. A row with no key to see
// gives o = 0 and lse = -infinity. Throws std::invalid_argument for shapes that no path takes,
// std::runtime_error when the launch fails.
void attention(const attention_params& params, cudaStream_t stream);

// The same on a path of the caller's choice.
void attention(const attention_params& params, attention_path path, cudaStream_t stream);

}  // namespace kernels
