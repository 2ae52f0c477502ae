#include "pipeline_reference/ops/cuda/small_kernels.hpp"

#include "kernels/rows.hpp"
#include "kernels/vector8.cuh"

namespace ops::cuda {
namespace {

constexpr int threads = 256;

unsigned blocks_for(std::int64_t elements) {
  return static_cast<unsigned>((elements + threads - 1) / threads);
}

__global__ void relative_bias_kernel(const float* by_distance, std::int64_t distances, float* out,
                                     std::int64_t heads, std::int64_t m) {
  const std::int64_t element = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (element >= heads * m * m) return;
  const std::int64_t head = element / (m * m), query = element / m % m, key = element % m;
  out[element] = by_distance[head * distances + distances / 2 + key - query];
}

__global__ void broadcast_add_kernel(const __nv_bfloat16* table, std::int64_t table_stride,
                                     const __nv_bfloat16* rows, std::int64_t rows_stride,
                                     __nv_bfloat16* out, std::int64_t groups, std::int64_t m,
                                     std::int64_t n) {
  const std::int64_t element = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (element >= groups * m * n) return;
  const std::int64_t group = element / (m * n), row = element / n % m, column = element % n;
  out[element] = __float2bfloat16(__bfloat162float(table[group * table_stride + column]) +
                                  __bfloat162float(rows[row * rows_stride + column]));
}

constexpr int lanes_of_query = 16;  // for each head: 8 values a lane are a head of 128

// The sum over the lanes that share a query's head.
__device__ __forceinline__ float sum_of_lanes(float x) {
#pragma unroll
  for (int step = lanes_of_query / 2; step > 0; step /= 2) x += __shfl_xor_sync(~0U, x, step);
  return x;
}

// Neighbouring lanes take neighbouring vectors of a row, so a warp reads 512 bytes in one piece.
__global__ void __launch_bounds__(threads) add_key_kernel(const added_key p) {
  using kernels::load8, kernels::load8_constant, kernels::widen;
  const unsigned group = (blockIdx.x * threads + threadIdx.x) / lanes_of_query;
  const auto heads = static_cast<unsigned>(p.heads);
  const bool inside = group < static_cast<unsigned>(p.queries) * heads;
  const unsigned query = inside ? group / heads : 0, head = inside ? group - query * heads : 0;
  const int first = 8 * static_cast<int>(threadIdx.x % lanes_of_query),
            column = static_cast<int>(head) * p.head_dim;
  const __nv_bfloat16* const q = p.q + query * p.q_stride + column;
  __nv_bfloat16* const out = p.out + query * p.out_stride + column;
  const float others = __ldg(p.lse + head * p.queries + query);
  float score = 0;
  for (int i = first; i < p.head_dim; i += 8 * lanes_of_query) {
    const kernels::floats8 a = widen(load8(q + i)), b = widen(load8_constant(p.key + column + i));
#pragma unroll
    for (int e = 0; e < 8; ++e) score += a.value[e] * b.value[e];
  }
  score = sum_of_lanes(score) * p.scale + __logf(p.count);
  const float highest = fmaxf(score, others);
  const float of_key = __expf(score - highest), of_others = __expf(others - highest);
  const float weight = of_key / (of_others + of_key), rest = of_others / (of_others + of_key);
  if (!inside) return;
  for (int i = first; i < p.head_dim; i += 8 * lanes_of_query) {
    kernels::floats8 mixed = widen(load8(out + i));
    const kernels::floats8 value = widen(load8_constant(p.value + column + i));
#pragma unroll
    for (int e = 0; e < 8; ++e) mixed.value[e] = rest * mixed.value[e] + weight * value.value[e];
    kernels::store8(out + i, kernels::narrow(mixed));
  }
}

__global__ void block_mask_kernel(std::uint8_t* mask, std::int64_t n, std::int64_t tokens,
                                  std::int64_t tokens_per_block, std::int64_t window_tokens) {
  const std::int64_t element = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (element >= n * n) return;
  const std::int64_t query = element / n, key = element % n;
  const std::int64_t block_end = (query / tokens_per_block + 1) * tokens_per_block;
  const std::int64_t end = query < tokens ? (block_end < tokens ? block_end : tokens) : 0;
  mask[element] = (key < end && key >= end - window_tokens) || key == query;
}

}  // namespace

void launch_add_key(const added_key& p, cudaStream_t stream) {
  constexpr const char* name = "add_key";
  kernels::require_vectors(name, "head_dim", p.head_dim);
  kernels::require_aligned(name, "q", kernels::rows_of<const __nv_bfloat16>{p.q, p.q_stride});
  kernels::require_aligned(name, "out", kernels::rows_of<__nv_bfloat16>{p.out, p.out_stride});
  kernels::require_aligned(name, "key", kernels::rows_of<const __nv_bfloat16>{p.key, 8});
  kernels::require_aligned(name, "value", kernels::rows_of<const __nv_bfloat16>{p.value, 8});
  add_key_kernel<<<blocks_for(p.queries * p.heads * lanes_of_query), threads, 0, stream>>>(p);
  kernels::check_launch(name);
}

void launch_block_mask(std::uint8_t* mask, std::int64_t n, std::int64_t tokens,
                       std::int64_t tokens_per_block, std::int64_t window_tokens,
                       cudaStream_t stream) {
  block_mask_kernel<<<blocks_for(n * n), threads, 0, stream>>>(mask, n, tokens, tokens_per_block,
                                                               window_tokens);
  kernels::check_launch("block_mask");
}

void launch_relative_bias(const float* by_distance, std::int64_t distances, float* out,
                          std::int64_t heads, std::int64_t m, cudaStream_t stream) {
  relative_bias_kernel<<<blocks_for(heads * m * m), threads, 0, stream>>>(by_distance, distances,
                                                                          out, heads, m);
  kernels::check_launch("relative_bias");
}

void launch_broadcast_add(const __nv_bfloat16* table, std::int64_t table_stride,
                          const __nv_bfloat16* rows, std::int64_t rows_stride, __nv_bfloat16* out,
                          std::int64_t groups, std::int64_t m, std::int64_t n,
                          cudaStream_t stream) {
  broadcast_add_kernel<<<blocks_for(groups * m * n), threads, 0, stream>>>(
      table, table_stride, rows, rows_stride, out, groups, m, n);
  kernels::check_launch("broadcast_add");
}

}  // namespace ops::cuda
