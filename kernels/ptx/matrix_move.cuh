#pragma once
// Four 8x8 matrices of 16-bit elements between registers and shared memory. Lane 8i + r gives the
// address of row r (16 bytes, aligned) of matrix i; lane l holds elements (l / 4, 2 (l % 4)) and
// the next one of each matrix, which is how wgmma lays out accumulators and its A operand.

#include <cstdint>

#include "kernels/ptx/mbarrier.cuh"

namespace kernels::ptx {

__device__ __forceinline__ void store_matrices(void* row, const std::uint32_t (&m)[4]) {
  asm volatile(
      "stmatrix.sync.aligned.x4.m8n8.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(shared_address(row)),
      "r"(m[0]), "r"(m[1]), "r"(m[2]), "r"(m[3])
      : "memory");
}

__device__ __forceinline__ void load_matrices(std::uint32_t (&m)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.x4.m8n8.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3])
               : "r"(shared_address(row))
               : "memory");
}

// Each matrix transposed: lane l holds elements (2 (l % 4), l / 4) and the one of the next row.
__device__ __forceinline__ void load_matrices_transposed(std::uint32_t (&m)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.x4.trans.m8n8.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3])
               : "r"(shared_address(row))
               : "memory");
}

}  // namespace kernels::ptx
