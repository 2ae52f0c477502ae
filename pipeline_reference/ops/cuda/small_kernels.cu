#include "pipeline_reference/ops/cuda/small_kernels.hpp"

#include "kernels/rows.hpp"

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

// A warp for each query of each head.
__global__ void add_key_kernel(const added_key p) {
  const std::int64_t warp = (std::int64_t{blockIdx.x} * threads + threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x % 32);
  if (warp >= p.queries * p.heads) return;
  const std::int64_t query = warp / p.heads, head = warp % p.heads;
  const __nv_bfloat16* const q = p.q + query * p.q_stride + head * p.head_dim;
  __nv_bfloat16* const out = p.out + query * p.out_stride + head * p.head_dim;
  const __nv_bfloat16* const key = p.key + head * p.head_dim;
  const __nv_bfloat16* const value = p.value + head * p.head_dim;
  float score = 0;
  for (int i = lane; i < p.head_dim; i += 32)
    score += __bfloat162float(q[i]) * __bfloat162float(key[i]);
  for (int step = 16; step > 0; step /= 2) score += __shfl_xor_sync(~0U, score, step);
  score = score * p.scale + __logf(p.count);
  const float others = p.lse[head * p.queries + query];
  const float highest = fmaxf(score, others);
  const float weight = __expf(score - highest), rest = __expf(others - highest);
  for (int i = lane; i < p.head_dim; i += 32)
    out[i] = __float2bfloat16(
        (rest * __bfloat162float(out[i]) + weight * __bfloat162float(value[i])) / (rest + weight));
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
  add_key_kernel<<<blocks_for(p.queries * p.heads * 32), threads, 0, stream>>>(p);
  kernels::check_launch("add_key");
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
