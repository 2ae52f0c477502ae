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

// What two words give before a root is taken: the square of a radius, and an angle. The first word
// maps to (0, 1], so the logarithm is finite.
struct polar {
  double square, sine, cosine;
};
[[nodiscard]] KERNELS_BOTH_SIDES inline polar polar_of(std::uint32_t first, std::uint32_t second) {
  constexpr double two_pi = 6.283185307179586476925;
#ifdef __CUDA_ARCH__
  // A word below the upper half of 2^20 is 2^20 + word * 2^-32, of which a difference leaves the
  // fraction, as exact as below and without a conversion, which is slow.
  constexpr int upper_half = 0x41300000;
  const double fraction =
      __hiloint2double(upper_half, static_cast<int>(first)) - (0x1p20 - 0x1p-32);
  const double angle = two_pi * (__hiloint2double(upper_half, static_cast<int>(second)) - 0x1p20);
  // What log and sincos ask for with a branch each does not occur: a number that is subnormal,
  // infinite or none, an angle of more than 2^31.
  const int high = __double2hiint(fraction);
  __builtin_assume(high >= 0x00100000);
  __builtin_assume(static_cast<unsigned>(high - 1) < 0x7FEFFFFFU);
  __builtin_assume(!(fabs(angle) >= 0x1p31));
  polar p{-2.0 * log(fraction)};
  sincos(angle, &p.sine, &p.cosine);  // of one reduction of the angle
  return p;
#else
  constexpr double unit = 1.0 / 4294967296.0;
  const double angle = two_pi * (second * unit);
  return {-2.0 * std::log((first + 1.0) * unit), std::sin(angle), std::cos(angle)};
#endif
}
[[nodiscard]] KERNELS_BOTH_SIDES inline std::array<float, 2> normals_of(const polar& p) {
  const double radius = std::sqrt(p.square);
  return {static_cast<float>(radius * p.cosine), static_cast<float>(radius * p.sine)};
}

// Two independent standard normals from two words. The largest magnitude is
// sqrt(2 * 32 * ln 2) = 6.66.
[[nodiscard]] KERNELS_BOTH_SIDES inline std::array<float, 2> box_muller(std::uint32_t first,
                                                                        std::uint32_t second) {
  return normals_of(polar_of(first, second));
}

// Standard normal numbers 4 * group .. 4 * group + 3 of a sequence.
[[nodiscard]] KERNELS_BOTH_SIDES inline std::array<float, 4> random_normals(std::uint64_t seed,
                                                                            std::uint32_t sequence,
                                                                            std::uint64_t group) {
  const philox_words words = random_words(seed, sequence, group);
  // Both ahead of the roots, whose rare cases are a branch, which nothing is moved across.
  const polar one = polar_of(words[0], words[1]), other = polar_of(words[2], words[3]);
  const std::array<float, 2> a = normals_of(one), b = normals_of(other);
  return {a[0], a[1], b[0], b[1]};
}

}  // namespace kernels
