#pragma once
// The parts of Hopper that the FP8 kernel relies on, as the PTX manual describes them, on the CPU:
// copies of boxes with the 128-byte swizzle, operands in shared memory as descriptors of that
// swizzle find them, and which thread holds which element of a product. Sums are fp64.

#include <array>
#include <cstdint>
#include <vector>

#include "kernels/attention_fp8/quantize_ref.hpp"
#include "kernels/ptx/tensor_map.hpp"

namespace kernels_test {

using shared_bytes = std::vector<std::uint8_t>;

inline double e4m3_value(std::uint8_t bits) {
  __nv_fp8_e4m3 x;
  x.__x = bits;
  return static_cast<double>(kernels::from_e4m3(x));
}

// Address bits 4 to 6 change with bits 7 to 9.
inline std::uint32_t swizzled(std::uint32_t address) {
  return address ^ (address >> 7 & 7) << 4;
}

// cp.async.bulk.tensor of a tensor of bytes: element by element, innermost dimension first, zeros
// outside.
inline void load_box(shared_bytes& shared, std::uint32_t address,
                     const kernels::ptx::tensor_view& view, const std::array<int, 5>& at) {
  std::uint32_t offset = 0;
  std::array<std::int64_t, 5> x{};
  for (x[4] = 0; x[4] < view.box[4]; ++x[4])
    for (x[3] = 0; x[3] < view.box[3]; ++x[3])
      for (x[2] = 0; x[2] < view.box[2]; ++x[2])
        for (x[1] = 0; x[1] < view.box[1]; ++x[1])
          for (x[0] = 0; x[0] < view.box[0]; ++x[0], ++offset) {
            bool inside = true;
            std::int64_t from = 0;
            for (std::size_t d = 0; d < 5; ++d) {
              const std::int64_t coordinate = at[d] + x[d];
              inside = inside && coordinate >= 0 &&
                       coordinate < static_cast<std::int64_t>(view.sizes[d]);
              from += coordinate * (d == 0 ? 1 : view.strides[d - 1]);
            }
            shared[swizzled(address + offset)] =
                inside ? static_cast<const std::uint8_t*>(view.data)[from] : std::uint8_t{0};
          }
}

// Element (row, k) of an operand whose rows are contiguous along k: 128 bytes from row to row of
// eight, 1024 from eight rows to the next. `start` is the descriptor's address, advanced to the
// step.
inline double operand(const shared_bytes& shared, std::uint32_t start, int row, int k) {
  return e4m3_value(
      shared[swizzled(start + static_cast<std::uint32_t>(row / 8 * 1024 + row % 8 * 128 + k))]);
}

// Accumulators of the 128 threads of a warpgroup, D[64][128].
using accumulators = std::vector<std::array<double, 64>>;
inline int row_of(int thread, int i) {
  return thread / 32 * 16 + thread % 32 / 4 + 8 * (i % 4 / 2);
}
inline int column_of(int thread, int i) {
  return i / 4 * 8 + thread % 4 * 2 + i % 2;
}

// The A operand in registers, A[64][32] of e4m3.
using a_registers = std::vector<std::array<std::uint32_t, 4>>;
inline int a_row(int thread, int a) {
  return thread / 32 * 16 + thread % 32 / 4 + 8 * (a % 2);
}
inline int a_column(int thread, int a, int byte) {
  return 16 * (a / 2) + thread % 4 * 4 + byte;
}

using a_matrix = std::vector<std::array<double, 32>>;  // [64]

inline void multiply(accumulators& d, const a_matrix& a, const shared_bytes& shared,
                     std::uint32_t b_start, bool accumulate) {
  std::vector<std::array<double, 32>> b(128);
  for (int n = 0; n < 128; ++n)
    for (int k = 0; k < 32; ++k)
      b[static_cast<std::size_t>(n)][static_cast<std::size_t>(k)] = operand(shared, b_start, n, k);
  for (int thread = 0; thread < 128; ++thread)
    for (int i = 0; i < 64; ++i) {
      const auto& row = a[static_cast<std::size_t>(row_of(thread, i))];
      const auto& column = b[static_cast<std::size_t>(column_of(thread, i))];
      double sum = 0;
      for (std::size_t k = 0; k < 32; ++k) sum += row[k] * column[k];
      double& to = d[static_cast<std::size_t>(thread)][static_cast<std::size_t>(i)];
      to = (accumulate ? to : 0) + sum;
    }
}

inline void multiply_ss(accumulators& d, const shared_bytes& shared, std::uint32_t a_start,
                        std::uint32_t b_start, bool accumulate) {
  a_matrix a(64);
  for (int m = 0; m < 64; ++m)
    for (int k = 0; k < 32; ++k)
      a[static_cast<std::size_t>(m)][static_cast<std::size_t>(k)] = operand(shared, a_start, m, k);
  multiply(d, a, shared, b_start, accumulate);
}

inline void multiply_rs(accumulators& d, const a_registers& registers, const shared_bytes& shared,
                        std::uint32_t b_start, bool accumulate) {
  a_matrix a(64);
  for (int thread = 0; thread < 128; ++thread)
    for (int r = 0; r < 4; ++r)
      for (int byte = 0; byte < 4; ++byte)
        a[static_cast<std::size_t>(a_row(thread, r))]
         [static_cast<std::size_t>(a_column(thread, r, byte))] =
             e4m3_value(static_cast<std::uint8_t>(
                 registers[static_cast<std::size_t>(thread)][static_cast<std::size_t>(r)] >>
                 8 * byte));
  multiply(d, a, shared, b_start, accumulate);
}

}  // namespace kernels_test
