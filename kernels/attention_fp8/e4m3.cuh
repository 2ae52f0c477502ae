#pragma once
// Rounding to e4m3, to the nearest, ties to even; above 448 to 448, NaN stays NaN.

#include <cstdint>

namespace kernels::fp8 {

// Four numbers, the first in the lowest byte.
__device__ __forceinline__ std::uint32_t pack_e4m3(float x0, float x1, float x2, float x3) {
  std::uint32_t packed;
  asm("{\n"
      ".reg .b16 low, high;\n"
      "cvt.rn.satfinite.e4m3x2.f32 low, %2, %1;\n"
      "cvt.rn.satfinite.e4m3x2.f32 high, %4, %3;\n"
      "mov.b32 %0, {low, high};\n"
      "}"
      : "=r"(packed)
      : "f"(x0), "f"(x1), "f"(x2), "f"(x3));
  return packed;
}

}  // namespace kernels::fp8
