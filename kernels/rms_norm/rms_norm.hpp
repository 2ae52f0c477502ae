#pragma once
// out = x / sqrt(mean(x^2) + eps) * weight over the columns of each row. bf16 in and out, fp32
// inside, one pass.

#include "kernels/row_launch.hpp"
#include "kernels/rows.hpp"

namespace kernels {

struct rms_norm_params {
  rows_of<const __nv_bfloat16> x;         // [rows, columns]
  const __nv_bfloat16* weight = nullptr;  // [columns]
  rows_of<__nv_bfloat16> out;             // [rows, columns], may be x
  std::int64_t rows = 0;
  int columns = 0;  // a multiple of 8, at most most_row_columns
  float eps = 1e-6F;
};

// Launches on `stream`, may be captured in a graph, and waits for nothing. Throws
// std::invalid_argument for sizes and alignments that the kernel does not take, std::runtime_error
// when the launch fails.
void rms_norm(const rms_norm_params& params, cudaStream_t stream);

}  // namespace kernels
