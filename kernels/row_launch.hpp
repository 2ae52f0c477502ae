#pragma once
// How rows that stay in registers are dealt to threads: a warp takes one, 8 * 6 values a lane,
// which is LongLive's 1536; narrow rows take a vector a lane, wide ones more warps.

#include <cuda_runtime_api.h>

#include <cstdint>

namespace kernels {

constexpr int row_vectors = 6;          // of a lane, but for narrow rows
constexpr int most_row_columns = 8192;  // six warps
constexpr int most_row_threads = 192;   // of a block
constexpr int resident_row_blocks = 6;  // of most_row_threads; 9 of four warps

struct row_launch {
  bool narrow;  // one vector a lane
  dim3 threads;
  unsigned blocks;
};

inline row_launch launch_for_rows(std::int64_t rows, int columns) {
  const bool narrow = columns <= 8 * 32;
  const unsigned per_row = narrow ? 8 * 32 : 8 * 32 * row_vectors;
  const unsigned warps = (static_cast<unsigned>(columns) + per_row - 1) / per_row;
  const unsigned rows_of_block = warps == 1 ? 4 : 1;
  return {narrow, dim3(32 * warps, rows_of_block),
          static_cast<unsigned>((rows + rows_of_block - 1) / rows_of_block)};
}

}  // namespace kernels
