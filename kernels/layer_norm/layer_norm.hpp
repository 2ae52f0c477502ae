#pragma once
// [x += gate * y;] out = LayerNorm(x) * (1 + scale) + shift, or * weight + bias: what stands
// between the matrix products of a transformer, in one pass. bf16 in and out, fp32 inside.

#include "kernels/row_launch.hpp"
#include "kernels/rows.hpp"

namespace kernels {

struct layer_norm_params {
  rows_of<__nv_bfloat16> x;           // [rows, columns]; updated when there is a y
  rows_of<const __nv_bfloat16> y;     // [rows, columns], or no residual
  rows_of<const __nv_bfloat16> gate;  // [latent frames, columns], or 1; with y
  rows_of<__nv_bfloat16> out;         // [rows, columns], may be y; absent: no norm; with y

  // Row r takes row r / rows_per_latent_frame of gate, scale and shift.
  rows_of<const __nv_bfloat16> scale, shift;  // [latent frames, columns]; both,
  const __nv_bfloat16* weight = nullptr;      // or [columns] these two,
  const __nv_bfloat16* bias = nullptr;        // or neither

  std::int64_t rows = 0;
  int columns = 0;                         // a multiple of 8, at most most_row_columns
  std::int64_t rows_per_latent_frame = 0;  // 0: one latent frame
  float eps = 1e-6F;
};

// Launches on `stream`, may be captured in a graph, and waits for nothing. The sum x + gate * y is
// normalised as it is stored, rounded to bf16. Throws std::invalid_argument for sizes and
// alignments that the kernel does not take, std::runtime_error when the launch fails.
void layer_norm(const layer_norm_params& params, cudaStream_t stream);

}  // namespace kernels
