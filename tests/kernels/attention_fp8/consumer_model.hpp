#pragma once
// A consumer warpgroup of the FP8 kernel on the CPU, on the model of its instructions.

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/attention_fp8/attention_fp8_ref.hpp"
#include "kernels/attention_fp8/boxes.hpp"
#include "tests/kernels/attention_fp8/wgmma_model.hpp"

namespace kernels_test {

// What one consumer warpgroup computes of a tile, step by step as in consumer_fp8_sm90.cuh.
class model_warpgroup {
 public:
  struct result {
    accumulators o = accumulators(128);
    std::vector<std::array<double, 2>> lse = std::vector<std::array<double, 2>>(128);
  };

  model_warpgroup(const kernels::attention_fp8_params& params, int valid)
      : p_(params), valid_(valid), shared_(16384 * 5) {}

  result compute(int row_block, int group, int head) {
    const int head_kv = head / (p_.heads / p_.heads_kv);
    const auto q_view = kernels::fp8::boxes_of_rows(p_.q, p_.batch, p_.tokens_q, p_.heads);
    const auto k_view = kernels::fp8::boxes_of_rows(p_.k, p_.batch, p_.tokens_kv, p_.heads_kv);
    const auto v_view = kernels::fp8::boxes_of_values(p_.v, p_.batch, p_.tokens_kv, p_.heads_kv);
    load_box(shared_, 0, q_view, {0, row_block * 128, 0, head, 0});
    const auto q_start = static_cast<std::uint32_t>(group * 64 * 128);
    const float q_factor =
        std::ldexp(p_.scale * 1.4426950408889634f,
                   p_.q_exponents[head * kernels::fp8::groups(p_.tokens_q) + row_block]);

    result r;
    accumulators s(128), t(128);
    std::vector<std::array<double, 2>> sums(128, {0, 0});
    std::vector<std::array<float, 2>> maxima(128, {minus_infinity, minus_infinity});
    int unit = 0;
    for (int n = kernels::fp8::groups(valid_) - 1; n >= 0; --n) {
      const auto k_start = static_cast<std::uint32_t>(16384 * (1 + n % 2));
      const auto v_start = static_cast<std::uint32_t>(16384 * (3 + n % 2));
      load_box(shared_, k_start, k_view, {0, n * 128, 0, head_kv, 0});
      load_box(shared_, v_start, v_view, {0, n, 0, head_kv, 0});
      for (int i = 0; i < 4; ++i)
        multiply_ss(s, shared_, q_start + at_step(i), k_start + at_step(i), i > 0);

      const float factor = std::ldexp(q_factor, p_.k_exponents[n]);
      std::vector<std::array<double, 2>> keep(128);
      std::vector<a_registers> p(4, a_registers(128));
      for (int quad = 0; quad < 32; ++quad) softmax_of(quad, n, factor, s, maxima, keep, sums, p);
      for (int i = 0; i < 4; ++i)
        multiply_rs(t, p[static_cast<std::size_t>(i)], shared_, v_start + at_step(i), i > 0);
      const int change = n == kernels::fp8::groups(valid_) - 1 ? 0 : unit - p_.v_exponents[n];
      unit = p_.v_exponents[n];
      for (std::size_t thread = 0; thread < 128; ++thread)
        for (std::size_t i = 0; i < 64; ++i)
          r.o[thread][i] =
              r.o[thread][i] * std::ldexp(keep[thread][i % 4 / 2], change) + t[thread][i];
    }
    for (std::size_t thread = 0; thread < 128; ++thread)
      for (std::size_t row = 0; row < 2; ++row) {
        double sum = 0;
        for (std::size_t c = 0; c < 4; ++c) sum += sums[thread / 4 * 4 + c][row];
        for (std::size_t i = 0; i < 64; ++i)
          if (i % 4 / 2 == row) r.o[thread][i] = std::ldexp(r.o[thread][i] / sum, unit);
        r.lse[thread][row] =
            (static_cast<double>(maxima[thread][row]) - 8) * std::log(2.0) + std::log(sum);
      }
    return r;
  }

 private:
  static constexpr float minus_infinity = -std::numeric_limits<float>::infinity();
  static std::uint32_t at_step(int i) {
    return static_cast<std::uint32_t>(i * kernels::fp8::step_bytes);
  }

  // Four threads that share two rows: mask, maximum, probabilities, and their place in the A
  // operand.
  void softmax_of(int quad, int n, float factor, const accumulators& scores,
                  std::vector<std::array<float, 2>>& maxima,
                  std::vector<std::array<double, 2>>& keep,
                  std::vector<std::array<double, 2>>& sums, std::vector<a_registers>& p) const {
    std::array<std::array<float, 64>, 4> s{};
    std::array<float, 2> biggest{minus_infinity, minus_infinity};
    for (std::size_t c = 0; c < 4; ++c) {
      const int seen = valid_ - n * 128 - static_cast<int>(c) * 2;
      for (int i = 0; i < 64; ++i) {
        const auto at = static_cast<std::size_t>(i);
        s[c][at] = 8 * (i / 4) + i % 2 >= seen
                       ? minus_infinity
                       : static_cast<float>(scores[static_cast<std::size_t>(quad) * 4 + c][at]);
        biggest[at % 4 / 2] = std::max(biggest[at % 4 / 2], s[c][at]);
      }
    }
    for (std::size_t c = 0; c < 4; ++c) {
      const std::size_t thread = static_cast<std::size_t>(quad) * 4 + c;
      for (std::size_t row = 0; row < 2; ++row) {
        const float bigger = std::max(maxima[thread][row], biggest[row] * factor);
        keep[thread][row] =
            std::exp2(static_cast<double>(maxima[thread][row]) - static_cast<double>(bigger));
        maxima[thread][row] = bigger;
        sums[thread][row] *= keep[thread][row];
      }
      for (std::size_t i = 0; i < 64; ++i) {
        s[c][i] = kernels::fp8_probability(s[c][i], factor, maxima[thread][i % 4 / 2]);
        sums[thread][i % 4 / 2] += static_cast<double>(s[c][i]);
      }
      for (int step = 0; step < 4; ++step)
        for (int a = 0; a < 4; ++a) {
          std::uint32_t packed = 0;
          for (int byte = 0; byte < 4; ++byte)
            packed |=
                static_cast<std::uint32_t>(
                    kernels::to_e4m3(
                        s[c][static_cast<std::size_t>(kernels::fp8::accumulator_of(step, a, byte))])
                        .__x)
                << 8 * byte;
          p[static_cast<std::size_t>(step)][thread][static_cast<std::size_t>(a)] = packed;
        }
    }
  }

  kernels::attention_fp8_params p_;
  int valid_;
  shared_bytes shared_;
};

}  // namespace kernels_test
