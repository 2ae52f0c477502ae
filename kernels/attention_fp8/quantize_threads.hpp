#pragma once
// Which thread of a block does what in the quantization of 128 rows of 128 columns: index
// arithmetic without memory, the same for the kernels and their test.

#include "kernels/attention_fp8/layout.hpp"

namespace kernels::fp8 {

constexpr int quantize_threads = 256;
constexpr int thread_columns = 8;                     // neighbours, one vector
constexpr int threads_across = 128 / thread_columns;  // along a row
constexpr int quads = group_rows / 4;                 // of rows, one word of values each
constexpr int passes = quads * threads_across / quantize_threads;  // quads of a thread

KERNELS_BOTH_SIDES constexpr int first_column(int thread) {
  return thread % threads_across * thread_columns;
}
KERNELS_BOTH_SIDES constexpr int quad_of(int thread, int pass) {
  return thread / threads_across + pass * quantize_threads / threads_across;
}
// Row `byte` of a quad: the four lie side by side in transposed values.
KERNELS_BOTH_SIDES constexpr int row_of_quad(int quad, int byte) {
  return key_at(4 * quad + byte);
}

// Values are transposed in shared memory, a word per column and quad. A warp writes two quads of
// every eighth column at a time: rows are a word longer than they need to be, and every 32 columns
// words lie two further on, so that these are 32 banks.
constexpr int words_of_column = quads + 1;
KERNELS_BOTH_SIDES constexpr int place_of_word(int column, int quad) {
  return column * words_of_column + (quad + column / 32 * 2) % quads;
}

// Then a thread writes four quads of a column, 16 bytes.
constexpr int writes = 128 * quads / 4 / quantize_threads;  // of a thread
KERNELS_BOTH_SIDES constexpr int column_to_write(int thread, int write) {
  return (write * quantize_threads + thread) / (quads / 4);
}
KERNELS_BOTH_SIDES constexpr int first_quad_to_write(int thread) {
  return thread % (quads / 4) * 4;
}

}  // namespace kernels::fp8
