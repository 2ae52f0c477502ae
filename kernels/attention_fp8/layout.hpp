#pragma once
// Where numbers of the FP8 attention lie, and their scales: index arithmetic without memory, the
// same for kernels, references and tests.
//
// Products of e4m3 take both operands with the summed index contiguous. For P V that index is the
// key, so values are stored transposed: [head_dim][keys]. A thread's scores are of keys 8i + 2c and
// 8i + 2c + 1 of its rows (c: its place in the quad), but as the A operand of the next product it
// must hold four neighbours, 4c to 4c + 3. The sum over keys does not care about their order:
// values are stored in the order in which the scores happen to lie, and P goes from accumulators to
// operand without a shuffle.

#include <cstdint>

#ifdef __CUDACC__
#define KERNELS_BOTH_SIDES __host__ __device__
#else
#define KERNELS_BOTH_SIDES
#endif

namespace kernels::fp8 {

// Rows that share a scale: a tile of queries, a block of keys.
constexpr int group_rows = 128;
KERNELS_BOTH_SIDES constexpr int groups(int rows) {
  return (rows + group_rows - 1) / group_rows;
}

// Which key lies at `position` along the rows of transposed values; only its last four bits differ.
KERNELS_BOTH_SIDES constexpr int key_at(int position) {
  const int lane = position / 4 % 4, byte = position % 4;
  return position / 16 * 16 + 8 * (byte / 2) + 2 * lane + byte % 2;
}

// Which accumulator of S goes to byte `byte` of register `a` of the A operand of 32 positions
// `step`.
KERNELS_BOTH_SIDES constexpr int accumulator_of(int step, int a, int byte) {
  return 16 * step + 8 * (a / 2) + 4 * (byte / 2) + 2 * (a % 2) + byte % 2;
}

// Bytes from 32 elements of a row to the next 32, the K of one product.
constexpr int step_bytes = 32;

// Blocks of keys whose part of the output the tensor cores add up, with their 14 bits, before it is
// added to the rest in fp32.
constexpr int blocks_of_sum = 8;

// Scales are powers of two: e4m3 is itself a floating format, so that a finer scale would only save
// part of one of its 18 binades, and with powers of two scaling, and changing a scale, are exact.
constexpr int lowest_exponent = -24;  // so that the units of two blocks never lie too far apart

// The lowest exponent e with largest <= 448 * 2^e, 448 the largest number of e4m3. `bits`: of
// `largest`, a finite float >= 0.
KERNELS_BOTH_SIDES constexpr int exponent_for(std::uint32_t bits) {
  const bool above = (bits & 0x7FFFFF) > 0x600000;  // 448 = 1.75 * 2^8
  const int exponent = static_cast<int>(bits >> 23) - 127 - 8 + above;
  return exponent > lowest_exponent ? exponent : lowest_exponent;
}

// The bits of the float 2^exponent, exponent from -126 to 127.
KERNELS_BOTH_SIDES constexpr std::uint32_t bits_of_power(int exponent) {
  return static_cast<std::uint32_t>(exponent + 127) << 23;
}

}  // namespace kernels::fp8
