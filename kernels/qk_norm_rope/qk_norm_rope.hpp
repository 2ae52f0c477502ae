#pragma once
// From packed q | k | v to attention: RMSNorm of q and of k over their full width, rotary position
// embedding of both over time, height and width, and the write of k and v into cache rows. bf16 in
// and out, fp32 inside, one pass.

#include "kernels/row_launch.hpp"
#include "kernels/rows.hpp"

namespace kernels {

// cos, sin of position * frequency, [positions, pairs, 2]; pairs may be 0.
struct rope_axis {
  const float* table = nullptr;
  int pairs = 0;
};

struct qk_norm_rope_params {
  rows_of<const __nv_bfloat16> qkv;         // [tokens, 3 * dim]: q | k | v
  const __nv_bfloat16* q_weight = nullptr;  // [dim]
  const __nv_bfloat16* k_weight = nullptr;
  // Adjacent elements (2i, 2i + 1) of a head are a pair: first those that time turns, then those of
  // height, then those of width; together head_dim / 2.
  rope_axis time, height, width;
  // In device memory, read when the kernel runs, of each latent frame of the call: its time
  // position, and the cache row of its first token (-1: neither k nor v is written).
  const int* time_positions = nullptr;
  const int* cache_rows = nullptr;

  rows_of<__nv_bfloat16> q_out;             // [tokens, dim]
  rows_of<__nv_bfloat16> k_cache, v_cache;  // [rows, dim]

  std::int64_t tokens = 0;
  int dim = 0;       // a multiple of head_dim, at most most_row_columns
  int head_dim = 0;  // a multiple of 8
  int patch_columns = 0;
  int tokens_per_latent_frame = 0;  // token t is at row t % this / patch_columns, ...
  float eps = 1e-6F;
};

// Launches on `stream`, may be captured in a graph, and waits for nothing. Throws
// std::invalid_argument for sizes and alignments that the kernel does not take, std::runtime_error
// when the launch fails.
void qk_norm_rope(const qk_norm_rope_params& params, cudaStream_t stream);

}  // namespace kernels
