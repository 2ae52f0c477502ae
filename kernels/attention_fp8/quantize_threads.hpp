#pragma once
// Which thread of a block does what in the quantization of 128 rows of 128 columns: index
// arithmetic without memory, the same for the kernels and their test.

#include "kernels/attention_fp8/layout.hpp"

namespace kernels::fp8 {

constexpr int quantize_threads = 128;
constexpr int thread_columns = 8;  // neighbours: a vector of bf16
constexpr int thread_rows = 16;    // in transposed values, 16 bytes of each of its columns

// A warp takes 64 columns of 64 rows, so that eight lanes read a line of 128 bytes, and four write
// 64 bytes of a column.
KERNELS_BOTH_SIDES constexpr int first_column(int thread) {
  return (thread % 8 + thread / 32 % 2 * 8) * thread_columns;
}
KERNELS_BOTH_SIDES constexpr int first_row(int thread) {
  return (thread / 8 % 4 + thread / 64 * 4) * thread_rows;
}

}  // namespace kernels::fp8
