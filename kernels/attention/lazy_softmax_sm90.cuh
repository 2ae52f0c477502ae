#pragma once
// The online softmax where few blocks of keys raise a maximum: only when one of the warp's rows
// grows do lanes ask each other for theirs, and is older output rescaled. The probabilities are the
// same as those of softmax_sm90.cuh. Causal tiles gain by it; without masks the longer way to the
// first exponential costs more than it saves.

#include "kernels/attention/softmax_sm90.cuh"

namespace kernels::sm90 {

class lazy_softmax_rows : public softmax_state {
 public:
  __device__ __forceinline__ explicit lazy_softmax_rows(float scale)
      : scale_log2_(scale * 1.4426950408889634f) {}

  // As in softmax_rows.
  template <bool Masked, int Count>
  __device__ __forceinline__ bool update(float (&s)[Count]) {
    const bool grew = raise_maxima(s);
    float offset[2], sum[2][2] = {};  // two sums a row, because one addition waits for the other
#pragma unroll
    for (int r = 0; r < 2; ++r) offset[r] = Masked && max_[r] == -INFINITY ? 0.0f : max_[r];
#pragma unroll
    for (int i = 0; i < Count; i += 2) {
      const int r = i % 4 / 2;
      s[i] = exp2_approximate(s[i] * scale_log2_ - offset[r]);
      s[i + 1] = exp2_approximate(s[i + 1] * scale_log2_ - offset[r]);
      sum[r][i / 4 % 2] += s[i] + s[i + 1];
    }
#pragma unroll
    for (int r = 0; r < 2; ++r) sum_[r] += sum[r][0] + sum[r][1];
    return grew;
  }

  [[nodiscard]] __device__ __forceinline__ float lse(int r) const {
    return lse_above(max_[r], r);
  }

 private:
  // Raises maxima that these scores exceed, and says whether one did.
  template <int Count>
  __device__ __forceinline__ bool raise_maxima(const float (&s)[Count]) {
    float of[2][2];  // two maxima a row, likewise
#pragma unroll
    for (int i = 0; i < Count; i += 2) {
      float& largest = of[i % 4 / 2][i / 4 % 2];
      largest = i < 8 ? fmaxf(s[i], s[i + 1]) : fmaxf(largest, fmaxf(s[i], s[i + 1]));
    }
    float largest[2];
    bool above = false;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      largest[r] = fmaxf(of[r][0], of[r][1]) * scale_log2_;
      above |= largest[r] > max_[r];
    }
    if (!__any_sync(0xffffffff, above)) return false;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const float higher = fmaxf(max_[r], quad_max(largest[r]));
      rescale_[r] = higher == max_[r] ? 1.0f : exp2_approximate(max_[r] - higher);
      max_[r] = higher;
      sum_[r] *= rescale_[r];
    }
    return true;
  }

  float scale_log2_;  // max_ is times this
};

}  // namespace kernels::sm90
