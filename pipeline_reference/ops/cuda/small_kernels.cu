#include "pipeline_reference/ops/cuda/small_kernels.hpp"

#include "kernels/dependent_launch.cuh"
#include "kernels/rows.hpp"

namespace ops::cuda {
namespace {

using kernels::launch_dependent;
using kernels::wait_for_previous_kernels;

constexpr int threads = 256;

unsigned blocks_for(std::int64_t elements) {
  return static_cast<unsigned>((elements + threads - 1) / threads);
}

__global__ void relative_bias_kernel(const float* by_distance, std::int64_t distances, float* out,
                                     std::int64_t heads, std::int64_t m) {
  wait_for_previous_kernels();
  const std::int64_t element = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (element >= heads * m * m) return;
  const std::int64_t head = element / (m * m), query = element / m % m, key = element % m;
  out[element] = by_distance[head * distances + distances / 2 + key - query];
}

__global__ void broadcast_add_kernel(const __nv_bfloat16* table, std::int64_t table_stride,
                                     const __nv_bfloat16* rows, std::int64_t rows_stride,
                                     __nv_bfloat16* out, std::int64_t groups, std::int64_t m,
                                     std::int64_t n) {
  wait_for_previous_kernels();
  const std::int64_t element = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (element >= groups * m * n) return;
  const std::int64_t group = element / (m * n), row = element / n % m, column = element % n;
  out[element] = __float2bfloat16(__bfloat162float(table[group * table_stride + column]) +
                                  __bfloat162float(rows[row * rows_stride + column]));
}

__global__ void block_mask_kernel(std::uint8_t* mask, std::int64_t n, std::int64_t tokens,
                                  std::int64_t tokens_per_block, std::int64_t window_tokens) {
  wait_for_previous_kernels();
  const std::int64_t element = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (element >= n * n) return;
  const std::int64_t query = element / n, key = element % n;
  const std::int64_t block_end = (query / tokens_per_block + 1) * tokens_per_block;
  const std::int64_t end = query < tokens ? (block_end < tokens ? block_end : tokens) : 0;
  mask[element] = (key < end && key >= end - window_tokens) || key == query;
}

}  // namespace

void launch_block_mask(std::uint8_t* mask, std::int64_t n, std::int64_t tokens,
                       std::int64_t tokens_per_block, std::int64_t window_tokens,
                       cudaStream_t stream) {
  launch_dependent(block_mask_kernel, blocks_for(n * n), threads, stream, mask, n, tokens,
                   tokens_per_block, window_tokens);
  kernels::check_launch("block_mask");
}

void launch_relative_bias(const float* by_distance, std::int64_t distances, float* out,
                          std::int64_t heads, std::int64_t m, cudaStream_t stream) {
  launch_dependent(relative_bias_kernel, blocks_for(heads * m * m), threads, stream, by_distance,
                   distances, out, heads, m);
  kernels::check_launch("relative_bias");
}

void launch_broadcast_add(const __nv_bfloat16* table, std::int64_t table_stride,
                          const __nv_bfloat16* rows, std::int64_t rows_stride, __nv_bfloat16* out,
                          std::int64_t groups, std::int64_t m, std::int64_t n,
                          cudaStream_t stream) {
  launch_dependent(broadcast_add_kernel, blocks_for(groups * m * n), threads, stream, table,
                   table_stride, rows, rows_stride, out, groups, m, n);
  kernels::check_launch("broadcast_add");
}

}  // namespace ops::cuda
