// Three rows for each token: q, k and v, each a warp's. A row is read once and stays in registers,
// packed, while its squares are summed. A vector of 8 values is four pairs of one head; with heads
// of 8, 16, ..., 256 all vectors of a lane are the same pairs, whose cos and sin are read once.
#include "kernels/qk_norm_rope/qk_norm_rope.hpp"

#include "kernels/dependent_launch.cuh"
#include "kernels/vector8.cuh"

namespace kernels {
namespace {

// Where a token is in the video.
struct token_place {
  int time, row, column;
};

// cos and sin that turn pair `pair` of a head.
__device__ __forceinline__ float2 turn(const qk_norm_rope_params& p, int pair,
                                       const token_place& at) {
  const auto read = [](const rope_axis& axis, int position, int i) {
    return reinterpret_cast<const float2*>(axis.table)[position * axis.pairs + i];
  };
  if (pair < p.time.pairs) return read(p.time, at.time, pair);
  pair -= p.time.pairs;
  if (pair < p.height.pairs) return read(p.height, at.row, pair);
  return read(p.width, at.column, pair - p.height.pairs);
}

template <int vectors>
__global__ void __launch_bounds__(most_row_threads, resident_row_blocks)
    qk_norm_rope_kernel(const qk_norm_rope_params p) {
  enum part { q, k, v };
  __shared__ float partial[most_row_threads / warp_lanes];
  const unsigned token = blockIdx.x * blockDim.y + threadIdx.y;
  const int which = blockIdx.y;
  const __nv_bfloat16* const from = p.qkv.data + token * p.qkv.stride + which * p.dim;
  wait_for_previous_kernels();
  let_next_kernel_start();  // attention, whose blocks need a multiprocessor each
  if (token >= p.tokens) return;
  vector8 x[vectors] = {};
#pragma unroll
  for (int i = 0; i < vectors; ++i)
    if (column_of(i) < p.dim) x[i] = load8(from + column_of(i));

  const int frame = static_cast<int>(token / static_cast<unsigned>(p.tokens_per_latent_frame));
  const int place = static_cast<int>(token) - frame * p.tokens_per_latent_frame;
  __nv_bfloat16* to = p.q_out.data + token * p.q_out.stride;
  if (which != q) {
    const int first_row = p.cache_rows[frame];
    if (first_row < 0) return;
    const rows_of<__nv_bfloat16>& cache = which == k ? p.k_cache : p.v_cache;
    to = cache.data + (std::int64_t{first_row} + place) * cache.stride;
  }
  if (which == v) {
#pragma unroll
    for (int i = 0; i < vectors; ++i)
      if (column_of(i) < p.dim) store8(to + column_of(i), x[i]);
    return;
  }

  const int row = place / p.patch_columns;
  const token_place at{p.time_positions[frame], row, place - row * p.patch_columns};
  int pair = column_of(0) % p.head_dim / 2;
  const bool same_pairs = (column_of(1) - column_of(0)) % p.head_dim == 0;
  float2 turns[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) turns[i] = turn(p, pair + i, at);
  float squares = 0;
#pragma unroll
  for (int i = 0; i < vectors; ++i) {
    const floats8 value = widen(x[i]);  // zeros beyond the row
#pragma unroll
    for (int e = 0; e < 8; ++e) squares += value.value[e] * value.value[e];
    forget_widened(x[i]);
  }
  const float factor = rsqrtf(row_sum(squares, partial) / static_cast<float>(p.dim) + p.eps);
  const __nv_bfloat16* const weights = which == q ? p.q_weight : p.k_weight;
#pragma unroll
  for (int i = 0; i < vectors; ++i) {
    const int column = column_of(i);
    if (column >= p.dim) continue;
    if (!same_pairs) {
      pair = column % p.head_dim / 2;
#pragma unroll
      for (int j = 0; j < 4; ++j) turns[j] = turn(p, pair + j, at);
    }
    floats8 value = widen(x[i]);
    const floats8 weight = widen(load8(weights + column));
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const float even = value.value[2 * j] * factor * weight.value[2 * j];
      const float odd = value.value[2 * j + 1] * factor * weight.value[2 * j + 1];
      value.value[2 * j] = even * turns[j].x - odd * turns[j].y;
      value.value[2 * j + 1] = even * turns[j].y + odd * turns[j].x;
    }
    store8(to + column, narrow(value));
  }
}

}  // namespace

void qk_norm_rope(const qk_norm_rope_params& p, cudaStream_t stream) {
  constexpr const char* name = "qk_norm_rope";
  require_row(name, p.tokens, p.dim, most_row_columns);
  require_vectors(name, "head_dim", p.head_dim);
  if (p.dim % p.head_dim != 0)
    reject(name, "dim " + std::to_string(p.dim) + " is not a multiple of head_dim " +
                     std::to_string(p.head_dim));
  if (2 * (p.time.pairs + p.height.pairs + p.width.pairs) != p.head_dim)
    reject(name, "the pairs of the three axes do not make up a head");
  if (p.patch_columns < 1 || p.tokens_per_latent_frame < 1)
    reject(name, "a latent frame has no tokens");
  require_aligned(name, "qkv", p.qkv);
  require_aligned(name, "q_out", p.q_out);
  require_aligned(name, "k_cache", p.k_cache);
  require_aligned(name, "v_cache", p.v_cache);
  if (p.tokens == 0) return;
  const row_launch with = launch_for_rows(p.tokens, p.dim);
  const dim3 blocks(with.blocks, 3);
  if (with.narrow)
    launch_dependent(qk_norm_rope_kernel<1>, blocks, with.threads, stream, p);
  else
    launch_dependent(qk_norm_rope_kernel<row_vectors>, blocks, with.threads, stream, p);
  check_launch(name);
}

}  // namespace kernels
