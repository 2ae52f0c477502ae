#pragma once
// Counter-based random numbers: number i of a sequence is a pure function of (seed, sequence, i),
// so any number of threads or devices draw the same values in any order, with no state.
//
// Generator: Philox4x32-10 (Salmon et al., SC 2011). Counter words: {group, group >> 32, sequence,
// 0}, key words: {seed, seed >> 32}. Group g yields numbers 4g .. 4g + 3.
// Normals: Box-Muller on the word pairs (0, 1) and (2, 3), evaluated in double and rounded once to
// float. Back ends whose double log, sqrt, sin and cos are within an ulp therefore agree except
// where a value lies within about 1e-16 of a rounding boundary of float: one number in 10^7 or
// rarer, and then by one ulp of float.

#include <array>
#include <cmath>
#include <cstdint>

// For nvcc the functions compile for both sides; others see plain C++.
#ifdef __CUDACC__
#define KERNELS_BOTH_SIDES __host__ __device__
#else
#define KERNELS_BOTH_SIDES
#endif

namespace kernels {

using philox_words = std::array<std::uint32_t, 4>;

// Ten rounds of Philox4x32.
[[nodiscard]] KERNELS_BOTH_SIDES constexpr philox_words philox4x32(
    philox_words counter, std::array<std::uint32_t, 2> key) {
  constexpr std::uint32_t multiplier_0 = 0xD2511F53U;
  constexpr std::uint32_t multiplier_1 = 0xCD9E8D57U;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product_0 = std::uint64_t{multiplier_0} * counter[0];
    const std::uint64_t product_1 = std::uint64_t{multiplier_1} * counter[2];
    counter = {static_cast<std::uint32_t>(product_1 >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(product_1),
               static_cast<std::uint32_t>(product_0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product_0)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

// The four words of one group.
[[nodiscard]] KERNELS_BOTH_SIDES constexpr philox_words random_words(std::uint64_t seed,
                                                                     std::uint32_t sequence,
                                                                     std::uint64_t group) {
  return philox4x32(
      {static_cast<std::uint32_t>(group), static_cast<std::uint32_t>(group >> 32), sequence, 0U},
      {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
}

// Two independent standard normals from two words. The first word maps to (0, 1], so the logarithm
// is finite; the largest magnitude is sqrt(2 * 32 * ln 2) = 6.66.
[[nodiscard]] KERNELS_BOTH_SIDES inline std::array<float, 2> box_muller(std::uint32_t first,
                                                                        std::uint32_t second) {
  constexpr double unit = 1.0 / 4294967296.0;
  constexpr double two_pi = 6.283185307179586476925;
  const double radius = std::sqrt(-2.0 * std::log((first + 1.0) * unit));
  const double angle = two_pi * (second * unit);
#ifdef __CUDA_ARCH__
  double sine, cosine;  // of one reduction of the angle
  sincos(angle, &sine, &cosine);
#else
  const double sine = std::sin(angle), cosine = std::cos(angle);
#endif
  return {static_cast<float>(radius * cosine), static_cast<float>(radius * sine)};
}

// Standard normal numbers 4 * group .. 4 * group + 3 of a sequence.
[[nodiscard]] KERNELS_BOTH_SIDES inline std::array<float, 4> random_normals(std::uint64_t seed,
                                                                            std::uint32_t sequence,
                                                                            std::uint64_t group) {
  const philox_words words = random_words(seed, sequence, group);
  const std::array<float, 2> a = box_muller(words[0], words[1]);
  const std::array<float, 2> b = box_muller(words[2], words[3]);
  return {a[0], a[1], b[0], b[1]};
}

}  // namespace kernels
