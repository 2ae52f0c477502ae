#pragma once
// out = f(x + bias) * multiplier, elementwise: the bias and GELU after a matrix product that could
// not apply them, SiLU, and gated units. bf16 in and out, fp32 inside, one pass.

#include "kernels/rows.hpp"

namespace kernels {

enum class activation_function { none, gelu_tanh, silu };

struct activation_params {
  rows_of<const __nv_bfloat16> x;           // [rows, columns]
  const __nv_bfloat16* bias = nullptr;      // [columns], optional
  rows_of<const __nv_bfloat16> multiplier;  // [rows, columns], optional
  rows_of<__nv_bfloat16> out;               // [rows, columns]; may be x or the multiplier
  activation_function function = activation_function::gelu_tanh;
  std::int64_t rows = 0;
  int columns = 0;  // a multiple of 8
};

// Launches on `stream`, may be captured in a graph, and waits for nothing. Throws
// std::invalid_argument for sizes and alignments that the kernel does not take, std::runtime_error
// when the launch fails.
void activation(const activation_params& params, cudaStream_t stream);

}  // namespace kernels
