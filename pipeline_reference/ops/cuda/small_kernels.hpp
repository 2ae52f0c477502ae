#pragma once
// Plain kernels of operations that run once per prompt or per clip.

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstdint>

namespace ops::cuda {

// out[h][i][j] = by_distance[h][most + j - i], of 2 * most + 1 distances; i, j < m.
void launch_relative_bias(const float* by_distance, std::int64_t distances, float* out,
                          std::int64_t heads, std::int64_t m, cudaStream_t stream);

// out[g][r] = table[g] + rows[r], n values each; out contiguous.
void launch_broadcast_add(const __nv_bfloat16* table, std::int64_t table_stride,
                          const __nv_bfloat16* rows, std::int64_t rows_stride, __nv_bfloat16* out,
                          std::int64_t groups, std::int64_t m, std::int64_t n, cudaStream_t stream);

// The mask of ops::block_mask_params.
void launch_block_mask(std::uint8_t* mask, std::int64_t n, std::int64_t tokens,
                       std::int64_t tokens_per_block, std::int64_t window_tokens,
                       cudaStream_t stream);

}  // namespace ops::cuda
