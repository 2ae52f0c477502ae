#pragma once
// The online softmax on scores as wgmma leaves them in registers: a thread holds parts of two rows,
// its quad of lanes the whole rows (kernels/ptx/wgmma.cuh has the map).

#include <cstdint>

namespace kernels::sm90 {

__device__ __forceinline__ float exp2_approximate(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

// Two numbers as bf16, the first in the low half.
__device__ __forceinline__ std::uint32_t pack_bf16(float low, float high) {
  std::uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

// Lane c of a quad holds word i of column c, and afterwards word c of column i.
__device__ __forceinline__ void transpose_in_quad(std::uint32_t (&words)[4]) {
#pragma unroll
  for (int bit = 1; bit <= 2; bit *= 2) {
    const bool upper = threadIdx.x & bit;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (i & bit) continue;
      const std::uint32_t other =
          __shfl_xor_sync(0xffffffff, upper ? words[i] : words[i + bit], bit);
      (upper ? words[i] : words[i + bit]) = other;
    }
  }
}

// Probabilities as the A operand of the next product.
template <int Steps>
__device__ __forceinline__ void round_to_bf16(std::uint32_t (&p)[Steps][4],
                                              const float (&s)[Steps * 8]) {
#pragma unroll
  for (int i = 0; i < Steps; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j) p[i][j] = pack_bf16(s[8 * i + 2 * j], s[8 * i + 2 * j + 1]);
}

// The maximum, or sum, over the four lanes that hold a row.
__device__ __forceinline__ float quad_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(0xffffffff, x, 1));
  return fmaxf(x, __shfl_xor_sync(0xffffffff, x, 2));
}
__device__ __forceinline__ float quad_sum(float x) {
  x += __shfl_xor_sync(0xffffffff, x, 1);
  return x + __shfl_xor_sync(0xffffffff, x, 2);
}

// `biggest` or this thread's largest score of row r, whichever is larger.
template <int Count>
__device__ __forceinline__ float largest_of_row(const float (&s)[Count], int r, float biggest) {
#pragma unroll
  for (int i = 2 * r; i < Count; i += 4) biggest = fmaxf(biggest, fmaxf(s[i], s[i + 1]));
  return biggest;
}

// This thread's largest scores of its rows, in half as many instructions: floats of which one is
// not negative compare like the integers that their bits are, and Hopper compares three of those at
// once. Where all scores of a row are negative, the warp looks again. NaN may count as the largest.
template <int Count>
__device__ __forceinline__ void largest_by_integers(const float (&s)[Count], float (&largest)[2]) {
  int bits[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    int of[2] = {__float_as_int(s[2 * r]), __float_as_int(s[2 * r + 1])};  // two at a time
#pragma unroll
    for (int i = 2 * r + 4; i < Count; i += 4)
      of[i / 4 % 2] = __vimax3_s32(of[i / 4 % 2], __float_as_int(s[i]), __float_as_int(s[i + 1]));
    bits[r] = max(of[0], of[1]);
    largest[r] = __int_as_float(bits[r]);
  }
  if (!__any_sync(0xffffffff, (bits[0] | bits[1]) < 0)) return;
#pragma unroll
  for (int r = 0; r < 2; ++r) largest[r] = largest_of_row(s, r, -INFINITY);
}

// Running maximum and sum of the two rows, whatever the unit of the maximum.
class softmax_state {
 public:
  // What the last update multiplies older output by.
  [[nodiscard]] __device__ __forceinline__ float rescale(int r) const { return rescale_[r]; }

  // After the last update: sums of whole rows.
  __device__ __forceinline__ void finish() {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      sum_[r] = quad_sum(sum_[r]);
      inverse_[r] = sum_[r] == 0 ? 0.0f : 1 / sum_[r];
    }
  }
  [[nodiscard]] __device__ __forceinline__ float inverse(int r) const {
    return inverse_[r];
  }

 protected:
  // Natural logarithm of the sum of exp(scale s), the maximum given as a power of two; -infinity
  // for a row without scores.
  [[nodiscard]] __device__ __forceinline__ float lse_above(float max_log2, int r) const {
    return sum_[r] == 0 ? -INFINITY : (max_log2 + log2f(sum_[r])) * 0.6931471805599453f;
  }

  float max_[2] = {-INFINITY, -INFINITY}, sum_[2] = {0, 0};
  float rescale_[2], inverse_[2];
};

// Exponentials are of base 2, with the scale folded in: exp(scale (s - m)) = exp2(s * scale_log2 -
// m * scale_log2), one FFMA and one EX2 each. `ByIntegers`: how the largest scores are found.
template <bool ByIntegers>
class softmax_rows : public softmax_state {
 public:
  __device__ __forceinline__ explicit softmax_rows(float scale)
      : scale_log2_(scale * 1.4426950408889634f) {}

  // Scores become probabilities, not yet divided by the sum. `Masked`: a row may have no score
  // above -infinity so far. Returns whether older output of this warp must be rescaled.
  template <bool Masked, int Count>
  __device__ __forceinline__ bool update(float (&s)[Count]) {
    float largest[2];
    if constexpr (ByIntegers) largest_by_integers(s, largest);
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const float biggest =
          quad_max(ByIntegers ? fmaxf(max_[r], largest[r]) : largest_of_row(s, r, max_[r]));
      const float finite = Masked && biggest == -INFINITY ? 0.0f : biggest;
      const float offset = finite * scale_log2_;
      rescale_[r] = exp2_approximate(max_[r] * scale_log2_ - offset);
      max_[r] = biggest;
      float sum = 0;
#pragma unroll
      for (int i = 2 * r; i < Count; i += 4) {
        s[i] = exp2_approximate(s[i] * scale_log2_ - offset);
        s[i + 1] = exp2_approximate(s[i + 1] * scale_log2_ - offset);
        sum += s[i] + s[i + 1];
      }
      sum_[r] = sum_[r] * rescale_[r] + sum;
    }
    return true;
  }

  [[nodiscard]] __device__ __forceinline__ float lse(int r) const {
    return lse_above(max_[r] * scale_log2_, r);
  }

 private:
  float scale_log2_;
};

}  // namespace kernels::sm90
