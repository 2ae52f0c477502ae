#pragma once
// Counter-based random numbers: number i of a sequence is a pure function of (seed, sequence, i),
// so any number of threads or devices draw the same values in any order, with no state.
//
// Generator: Philox4x32-10 (Salmon et al., SC 2011). Counter words: {group, group >> 32, sequence,
// 0}, key words: {seed, seed >> 32}. Group g yields numbers 4g .. 4g + 3.
// Normals: Box-Muller on the word pairs (0, 1) and (2, 3), in fp32 and with the same bits
// everywhere: each operation is one of integers, or a conversion, product, sum, fused multiply-add
// or root of IEEE rounded to nearest, and no product goes into a sum that is not written as a fused
// one, so that no compiler may choose. The error is at most 3.3e-7 of the radius.

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

// For nvcc the functions compile for both sides; others see plain C++.
#ifdef __CUDACC__
#define KERNELS_BOTH_SIDES __host__ __device__
#else
#define KERNELS_BOTH_SIDES
#endif

namespace kernels {

using philox_words = std::array<std::uint32_t, 4>;

// The upper word of a product. nvcc makes longer code of the 64-bit product and its shift.
[[nodiscard]] KERNELS_BOTH_SIDES inline std::uint32_t upper_product(std::uint32_t a,
                                                                    std::uint32_t b) {
#ifdef __CUDA_ARCH__
  return __umulhi(a, b);
#else
  return static_cast<std::uint32_t>((std::uint64_t{a} * b) >> 32);
#endif
}

// Ten rounds of Philox4x32.
[[nodiscard]] KERNELS_BOTH_SIDES inline philox_words philox4x32(philox_words counter,
                                                                std::array<std::uint32_t, 2> key) {
  constexpr std::uint32_t multiplier_0 = 0xD2511F53U;
  constexpr std::uint32_t multiplier_1 = 0xCD9E8D57U;
  for (int round = 0; round < 10; ++round) {
    counter = {
        upper_product(multiplier_1, counter[2]) ^ counter[1] ^ key[0], multiplier_1 * counter[2],
        upper_product(multiplier_0, counter[0]) ^ counter[3] ^ key[1], multiplier_0 * counter[0]};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

// The four words of one group.
[[nodiscard]] KERNELS_BOTH_SIDES inline philox_words random_words(std::uint64_t seed,
                                                                  std::uint32_t sequence,
                                                                  std::uint64_t group) {
  return philox4x32(
      {static_cast<std::uint32_t>(group), static_cast<std::uint32_t>(group >> 32), sequence, 0U},
      {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
}

[[nodiscard]] KERNELS_BOTH_SIDES inline std::uint32_t bits_of(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
[[nodiscard]] KERNELS_BOTH_SIDES inline float float_of(std::uint32_t bits) {
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// A polynomial by Horner's rule, the coefficient of the highest power first.
template <int count>
[[nodiscard]] KERNELS_BOTH_SIDES inline float polynomial(float x,
                                                         const float (&coefficients)[count]) {
  float sum = coefficients[0];
#ifdef __CUDA_ARCH__
#pragma unroll
#endif
  for (int i = 1; i < count; ++i) sum = fmaf(sum, x, coefficients[i]);
  return sum;
}

// The polynomials below are minimax: Remez' exchange in long double, in which one coefficient after
// another, from the lowest power on, is rounded to float and the others are fitted anew. Their own
// errors stand beside them; those of the functions were found by trying all words.

// -2 log u, u = (word + 1) / 2^32: 64 log 2 for word 0, 0 for the largest. Relative error: at most
// 2.0e-7, and 1.6e-7 of the root.
[[nodiscard]] KERNELS_BOTH_SIDES inline float squared_radius(std::uint32_t word) {
  // As a signed number ~word is 2^32 (1 - u) where u > 1/2, and -2^32 u otherwise: rounding is
  // small beside the logarithm at both ends.
  const float scaled = static_cast<float>(static_cast<std::int32_t>(~word));
  const bool upper = scaled >= 0;
  // u = (1 - t) / 2^halvings with t in [0, 1/2]. Below 1/2 the fraction bits of u give t. The
  // exponent and, above it, the sign, which adds 256, become a float as the last bits of 2^23.
  const std::uint32_t bits = bits_of(scaled);
  const float upper_t = scaled * 0x1p-32F;
  const float lower_t = 1.0F - float_of((bits & 0x007FFFFFU) | 0x3F000000U);
  const float lower_halvings = 0x1p23F + (256 + 158) - float_of((bits >> 23) | 0x4B000000U);
  const float t = upper ? upper_t : lower_t;
  const float halvings = upper ? 0.0F : lower_halvings;
  // -2 log(1 - t) / t, relative error 2.4e-8
  const float series =
      polynomial(t, {0x1.6a0f48p+1F, -0x1.a3993p+1F, 0x1.354ff6p+1F, -0x1.72285ep-2F,
                     0x1.0df6cap-1F, 0x1.f313e6p-2F, 0x1.55a384p-1F, 0x1.fffecp-1F, 2.0F});
  constexpr float two_log_2 = 0x1.62e43p+0F;
  return fmaf(halvings, two_log_2, t * series);
}

// Cosine and sine of `word` / 2^32 of a turn, their signs apart. Error of either: at most 1.0e-7.
struct direction {
  float cosine, sine;
  std::uint32_t cosine_sign, sine_sign;  // set: the sign bit is to be changed
};
[[nodiscard]] KERNELS_BOTH_SIDES inline direction direction_of(std::uint32_t word) {
  // The nearest quarter of a turn is in the two upper bits; the rest is x eighths, in [-1, 1].
  const std::uint32_t quarter = word + 0x20000000U;
  const float x = static_cast<float>(static_cast<std::int32_t>(word << 2)) * 0x1p-31F;
  const float square = x * x;
  // cos(pi / 4 x), error 3.3e-8, and sin(pi / 4 x) / x, relative error 2.8e-8
  const float cosine =
      polynomial(square, {-0x1.4eb112p-12F, 0x1.03b18ep-6F, -0x1.3bd3a2p-2F, 1.0F});
  const float sine =
      x * polynomial(square, {-0x1.33198ep-15F, 0x1.4680a4p-9F, -0x1.4abc24p-4F, 0x1.921fb6p-1F});
  const bool odd = (quarter & 0x40000000U) != 0;
  return {odd ? sine : cosine, odd ? cosine : sine, (quarter + 0x40000000U) & 0x80000000U,
          quarter & 0x80000000U};
}

[[nodiscard]] KERNELS_BOTH_SIDES inline std::array<float, 2> normals_of(float square,
                                                                        const direction& d) {
#ifdef __CUDA_ARCH__
  const float radius = __fsqrt_rn(square);
#else
  const float radius = std::sqrt(square);
#endif
  // The signs come last: were a product the result, a sum of the caller could be fused with it.
  return {float_of(bits_of(radius * d.cosine) ^ d.cosine_sign),
          float_of(bits_of(radius * d.sine) ^ d.sine_sign)};
}

// Two independent standard normals from two words: the one of the first word's radius in the second
// word's direction. The largest magnitude is sqrt(2 * 32 * ln 2) = 6.66.
[[nodiscard]] KERNELS_BOTH_SIDES inline std::array<float, 2> box_muller(std::uint32_t first,
                                                                        std::uint32_t second) {
  return normals_of(squared_radius(first), direction_of(second));
}

// Standard normal numbers 4 * group .. 4 * group + 3 of a sequence.
[[nodiscard]] KERNELS_BOTH_SIDES inline std::array<float, 4> random_normals(std::uint64_t seed,
                                                                            std::uint32_t sequence,
                                                                            std::uint64_t group) {
  const philox_words words = random_words(seed, sequence, group);
  // The roots last: their rare cases are a branch, which a GPU moves nothing across.
  const float one = squared_radius(words[0]), other = squared_radius(words[2]);
  const direction there = direction_of(words[1]), elsewhere = direction_of(words[3]);
  const std::array<float, 2> a = normals_of(one, there), b = normals_of(other, elsewhere);
  return {a[0], a[1], b[0], b[1]};
}

}  // namespace kernels
