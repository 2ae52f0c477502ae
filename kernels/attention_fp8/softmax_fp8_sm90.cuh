#pragma once
// The online softmax of scores in units that differ from block to block. As softmax_sm90.cuh, but
// the maximum is kept in powers of two (score * scale * log2 e), and probabilities come out times
// 2^8: from 256 down to 2^-9 e4m3 has 18 binades for them, and the sum, times 2^8 too, cancels that
// in the output.

#include "kernels/attention/softmax_sm90.cuh"
#include "kernels/attention_fp8/e4m3.cuh"
#include "kernels/attention_fp8/layout.hpp"

namespace kernels::sm90 {

// Probabilities as the A operand of the next product.
template <int Steps>
__device__ __forceinline__ void round_to_e4m3(std::uint32_t (&p)[Steps][4],
                                              const float (&s)[Steps * 16]) {
#pragma unroll
  for (int i = 0; i < Steps; ++i)
#pragma unroll
    for (int a = 0; a < 4; ++a)
      p[i][a] = fp8::pack_e4m3(s[fp8::accumulator_of(i, a, 0)], s[fp8::accumulator_of(i, a, 1)],
                               s[fp8::accumulator_of(i, a, 2)], s[fp8::accumulator_of(i, a, 3)]);
}

class softmax_rows_fp8 : public softmax_state {
 public:
  static constexpr float shift = 8;  // probabilities are times 2^shift

  // Finds this thread's largest score of each row.
  template <int Count>
  __device__ __forceinline__ void look_at(const float (&s)[Count]) {
    largest_by_integers(s, largest_);
  }

  // Takes up the block that was looked at last. `factor`, above 0: of a score's unit, in powers of
  // two.
  __device__ __forceinline__ void begin(float factor) {
    factor_ = factor;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const float higher = fmaxf(max_[r], quad_max(largest_[r]) * factor);
      rescale_[r] = exp2_approximate(max_[r] - higher);
      max_[r] = higher;
      sum_[r] *= rescale_[r];
    }
  }

  // The scores of that block become probabilities.
  template <int Count>
  __device__ __forceinline__ void exponentials(float (&s)[Count]) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const float offset = max_[r] - shift;
      float sum = 0;
#pragma unroll
      for (int i = 2 * r; i < Count; i += 4) {
        s[i] = exp2_approximate(s[i] * factor_ - offset);
        s[i + 1] = exp2_approximate(s[i + 1] * factor_ - offset);
        sum += s[i] + s[i + 1];
      }
      sum_[r] += sum;
    }
  }

  [[nodiscard]] __device__ __forceinline__ float lse(int r) const {
    return lse_above(max_[r] - shift, r);
  }

 private:
  float largest_[2], factor_;
};

}  // namespace kernels::sm90
