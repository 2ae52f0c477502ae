#pragma once
// qk_norm_rope() in fp64 on the CPU, a token at a time. Tensors of the parameters are in host
// memory.

#include <cmath>
#include <vector>

#include "kernels/qk_norm_rope/qk_norm_rope.hpp"

namespace kernels {

struct qk_norm_rope_token {
  std::vector<double> q, k, v;
  std::int64_t cache_row = -1;  // -1: k and v are not written
};

inline qk_norm_rope_token qk_norm_rope_ref(const qk_norm_rope_params& p, std::int64_t token) {
  const std::int64_t latent_frame = token / p.tokens_per_latent_frame;
  const std::int64_t place = token % p.tokens_per_latent_frame;
  const auto stored = [&](int part, int i) {
    return static_cast<double>(
        __bfloat162float(p.qkv.data[token * p.qkv.stride + std::int64_t{part} * p.dim + i]));
  };
  const auto turn = [&](int pair, int which) {
    const auto read = [&](const rope_axis& axis, std::int64_t position, int i) {
      return static_cast<double>(axis.table[(position * axis.pairs + i) * 2 + which]);
    };
    if (pair < p.time.pairs) return read(p.time, p.time_positions[latent_frame], pair);
    pair -= p.time.pairs;
    if (pair < p.height.pairs) return read(p.height, place / p.patch_columns, pair);
    return read(p.width, place % p.patch_columns, pair - p.height.pairs);
  };
  const auto rotated = [&](int part, const __nv_bfloat16* weight) {
    double squares = 0;
    for (int i = 0; i < p.dim; ++i) squares += stored(part, i) * stored(part, i);
    const double factor = 1 / std::sqrt(squares / p.dim + static_cast<double>(p.eps));
    const auto normed = [&](int i) {
      return stored(part, i) * factor * static_cast<double>(__bfloat162float(weight[i]));
    };
    std::vector<double> out;
    for (int i = 0; i < p.dim; i += 2) {
      const int pair = i % p.head_dim / 2;
      out.push_back(normed(i) * turn(pair, 0) - normed(i + 1) * turn(pair, 1));
      out.push_back(normed(i) * turn(pair, 1) + normed(i + 1) * turn(pair, 0));
    }
    return out;
  };
  qk_norm_rope_token result;
  result.q = rotated(0, p.q_weight);
  const int first_row = p.cache_rows[latent_frame];
  if (first_row < 0) return result;
  result.cache_row = first_row + place;
  result.k = rotated(1, p.k_weight);
  for (int i = 0; i < p.dim; ++i) result.v.push_back(stored(2, i));
  return result;
}

}  // namespace kernels
