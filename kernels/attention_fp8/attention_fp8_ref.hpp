#pragma once
// The arithmetic of the FP8 kernel on the CPU, a row at a time and keys in their own order: blocks
// of 128 keys from the last to the first, factors, maxima and probabilities in fp32, probabilities
// rounded to e4m3, sums in fp64. The kernel is held tightly against this, and against
// attention_ref.hpp on the numbers before quantization as its formats allow. Where a launch splits
// a tile (it has a workspace), each piece has maxima of its own and rounds other probabilities.
// Tensors of the parameters are in host memory here, *valid_rows too.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/attention/attention_ref.hpp"
#include "kernels/attention_fp8/quantize_ref.hpp"

namespace kernels {

// exp2(score * factor - maximum) times 2^8, as the kernel rounds it; `maximum` in powers of two.
inline float fp8_probability(float score, float factor, float maximum) {
  return std::exp2(std::fma(score, factor, 8 - maximum));
}

// One query of one head. A row with no key to see is 0, its lse -infinity.
inline attention_row attention_fp8_ref(const attention_fp8_params& p, int batch, int head,
                                       int query) {
  const int head_kv = head / (p.heads / p.heads_kv);
  const int valid = p.valid_rows == nullptr ? p.tokens_kv : *p.valid_rows;
  const int of_head = (batch * p.heads_kv + head_kv) * fp8::groups(p.tokens_kv);
  const auto* const q =
      p.q.data + batch * p.q.batch_stride + query * p.q.token_stride + head * p.q.head_stride;
  const int q_exponent =
      p.q_exponents[(batch * p.heads + head) * fp8::groups(p.tokens_q) + query / fp8::group_rows];
  const float q_factor = std::ldexp(p.scale * 1.4426950408889634f, q_exponent);

  attention_row row;
  row.o.assign(128, 0.0);
  float maximum = -std::numeric_limits<float>::infinity();
  double sum = 0;
  int unit = 0;
  for (int block = fp8::groups(valid) - 1; block >= 0; --block) {
    const int first = block * fp8::group_rows, end = std::min(valid, first + fp8::group_rows);
    std::vector<float> scores;
    float biggest = -std::numeric_limits<float>::infinity();
    for (int key = first; key < end; ++key) {
      const auto* const k =
          p.k.data + batch * p.k.batch_stride + key * p.k.token_stride + head_kv * p.k.head_stride;
      double dot = 0;
      for (int i = 0; i < 128; ++i)
        dot += static_cast<double>(from_e4m3(q[i])) * static_cast<double>(from_e4m3(k[i]));
      scores.push_back(static_cast<float>(dot));
      biggest = std::max(biggest, scores.back());
    }
    const float factor = std::ldexp(q_factor, p.k_exponents[of_head + block]);
    const float bigger = std::max(maximum, biggest * factor);
    const double keep = std::exp2(static_cast<double>(maximum) - static_cast<double>(bigger));
    maximum = bigger;
    sum *= keep;
    for (double& x : row.o) x = std::ldexp(x * keep, unit - p.v_exponents[of_head + block]);
    unit = p.v_exponents[of_head + block];
    for (int position = first; position < first + fp8::group_rows; ++position) {
      const int key = fp8::key_at(position);
      if (key >= end) continue;
      const float probability =
          fp8_probability(scores[static_cast<std::size_t>(key - first)], factor, maximum);
      sum += static_cast<double>(probability);
      const double rounded = static_cast<double>(from_e4m3(to_e4m3(probability)));
      for (int i = 0; i < 128; ++i)
        row.o[static_cast<std::size_t>(i)] +=
            rounded * static_cast<double>(
                          from_e4m3(p.v.data[batch * p.v.batch_stride + head_kv * p.v.head_stride +
                                             i * p.v.dim_stride + position]));
    }
  }
  for (double& x : row.o) x = sum == 0 ? 0 : std::ldexp(x, unit) / sum;
  row.lse = sum == 0 ? -std::numeric_limits<double>::infinity()
                     : (static_cast<double>(maximum) - 8) * std::log(2.0) + std::log(sum);
  return row;
}

}  // namespace kernels
