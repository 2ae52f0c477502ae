#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "pipeline_reference/checkpoint/weight_source.hpp"
#include "pipeline_reference/ops/cpu/cpu_backend.hpp"
#include "pipeline_reference/ops/random.hpp"

TEST_CASE("philox: the authors' known answers for ten rounds") {
  CHECK(ops::philox4x32({0, 0, 0, 0}, {0, 0}) ==
        ops::philox_words{0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U});
  CHECK(ops::philox4x32({0xffffffffU, 0xffffffffU, 0xffffffffU, 0xffffffffU},
                        {0xffffffffU, 0xffffffffU}) ==
        ops::philox_words{0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU});
  CHECK(ops::philox4x32({0x243f6a88U, 0x85a308d3U, 0x13198a2eU, 0x03707344U},
                        {0xa4093822U, 0x299f31d0U}) ==
        ops::philox_words{0xd16cfe09U, 0x94fdccebU, 0x5001e420U, 0x24126ea1U});
}

TEST_CASE("box_muller: finite at both ends of the words") {
  CHECK(std::isfinite(ops::box_muller(0, 0)[0]));
  CHECK(ops::box_muller(0, 0)[0] == doctest::Approx(6.6604).epsilon(1e-4));
  CHECK(ops::box_muller(0xffffffffU, 5)[0] == 0.0F);
}

namespace {

// How far the two normals are from those in double, divided by the radius.
double error_of(std::uint32_t first, std::uint32_t second) {
  const double radius = std::sqrt(-2 * std::log((first + 1.0) * 0x1p-32));
  const double angle = 6.283185307179586476925 * second * 0x1p-32;
  const std::array<float, 2> found = ops::box_muller(first, second);
  const double off = std::hypot(double{found[0]} - radius * std::cos(angle),
                                double{found[1]} - radius * std::sin(angle));
  return radius > 0 ? off / radius : off;
}

// Where the arithmetic changes: powers of two, quarters and eighths of a turn, and words beside
// them.
std::vector<std::uint32_t> edge_words() {
  std::vector<std::uint32_t> words;
  for (std::uint32_t beside = 0; beside < 5; ++beside) {
    for (int power = 0; power < 32; ++power) {
      words.push_back((1U << power) + beside - 2);
      words.push_back(beside - 2 - (1U << power));
    }
    for (std::uint32_t eighth = 0; eighth < 8; ++eighth)
      words.push_back((eighth << 29) + beside - 2);
  }
  return words;
}

}  // namespace

TEST_CASE("box_muller: what double gives, within 3.3e-7 of the radius") {
  double worst = 0;
  const auto compare = [&](std::uint32_t first, std::uint32_t second) {
    const double error = error_of(first, second);
    if (!(error <= worst)) worst = std::isnan(error) ? INFINITY : error;
  };
  const std::vector<std::uint32_t> edges = edge_words();
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (const std::uint32_t first : edges)
    for (const std::uint32_t second : edges) compare(first, second);
  for (int i = 0; i < 2'000'000; ++i) {
    const auto first = static_cast<std::uint32_t>(random());
    compare(first, static_cast<std::uint32_t>(random()));
    // Words near both ends, whose radii are the extreme ones.
    compare(first >> (i % 32), edges[first % edges.size()]);
    compare(~(first >> (i % 32)), edges[first % edges.size()]);
  }
  CHECK(worst <= 3.3e-7);
}

TEST_CASE("random_normals: the same bits from every compiler, for every instruction set") {
  std::uint64_t hash = 0;
  for (std::uint64_t group = 0; group < 250'000; ++group)
    for (const float x : ops::random_normals(20, 26, group))
      hash = (hash ^ std::bit_cast<std::uint32_t>(x)) * 0x100000001B3U;
  CHECK(hash == 0x4E7DC900DD8DF8FAU);
}

TEST_CASE("random_normals: moments and tails of a standard normal") {
  constexpr std::uint64_t groups = 1'000'000;
  constexpr double n = 4.0 * groups;
  double mean = 0, square = 0, third = 0, fourth = 0, pairs = 0;
  std::array<double, 5> beyond{};  // how many are beyond 1, 2, .. 5
  std::int64_t small = 0, positive = 0;
  for (std::uint64_t group = 0; group < groups; ++group) {
    const std::array<float, 4> normals = ops::random_normals(1, 2, group);
    pairs += double{normals[0]} * normals[1] + double{normals[2]} * normals[3];
    for (const float value : normals) {
      const double x = value;
      mean += x;
      square += x * x;
      third += x * x * x;
      fourth += x * x * x * x;
      for (std::size_t i = 0; i < beyond.size(); ++i) beyond[i] += std::abs(x) > double(i + 1);
      small += std::abs(x) < 1e-3;
      positive += x > 0;
    }
  }
  // Five standard deviations of each sum.
  CHECK(std::abs(mean) < 5 * std::sqrt(n));
  CHECK(std::abs(square - n) < 5 * std::sqrt(2 * n));
  CHECK(std::abs(third) < 5 * std::sqrt(15 * n));
  CHECK(std::abs(fourth - 3 * n) < 5 * std::sqrt(96 * n));
  CHECK(std::abs(pairs) < 5 * std::sqrt(n / 2));
  const auto as_likely = [&](double count, double probability) {
    return std::abs(count - n * probability) < 5 * std::sqrt(n * probability) + 1;
  };
  for (std::size_t i = 0; i < beyond.size(); ++i)
    CHECK(as_likely(beyond[i], std::erfc(double(i + 1) / std::sqrt(2.0))));
  CHECK(as_likely(double(small), std::erf(1e-3 / std::sqrt(2.0))));
  CHECK(as_likely(double(positive), 0.5));
}

TEST_CASE("fill_normal: moments of a standard normal, and no dependence on threads or order") {
  constexpr std::int64_t n = 200'000;
  std::vector<float> one(n), three(n), tail(n / 2);
  ops::cpu::cpu_backend single(1), several(3);
  single.transformer().fill_normal({{one.data(), ops::dtype::f32, {n}}, {11, 3, 0}}, {}, {});
  several.transformer().fill_normal({{three.data(), ops::dtype::f32, {n}}, {11, 3, 0}}, {}, {});
  several.transformer().fill_normal({{tail.data(), ops::dtype::f32, {n / 2}}, {11, 3, n / 2}}, {},
                                    {});
  CHECK(one == three);
  CHECK(std::equal(tail.begin(), tail.end(), one.begin() + n / 2));
  double mean = 0, square = 0, fourth = 0;
  for (const float x : one) {
    mean += x / double(n);
    square += double{x} * x / double(n);
    fourth += std::pow(double{x}, 4) / double(n);
  }
  CHECK(std::abs(mean) < 0.01);
  CHECK(square == doctest::Approx(1.0).epsilon(0.02));
  CHECK(fourth == doctest::Approx(3.0).epsilon(0.05));
}

TEST_CASE("random_weights: a function of seed and name, with variance 1 / fan-in") {
  const checkpoint::random_weights weights(1), other(2);
  const std::vector<std::int64_t> shape = {64, 300};
  std::vector<float> a(64 * 300), b(a.size()), c(a.size()), d(a.size());
  weights.read("blocks.0.ffn.0.weight", shape, a);
  weights.read("blocks.0.ffn.0.weight", shape, b);
  weights.read("blocks.1.ffn.0.weight", shape, c);
  other.read("blocks.0.ffn.0.weight", shape, d);
  CHECK(a == b);
  CHECK(a != c);
  CHECK(a != d);
  double square = 0;
  for (const float x : a) square += double{x} * x / double(a.size());
  CHECK(square * 300 == doctest::Approx(1.0).epsilon(0.05));
  std::vector<float> gain(100);
  weights.read("blocks.0.norm3.weight", std::vector<std::int64_t>{100}, gain);
  for (const float x : gain) CHECK(std::abs(x - 1.0F) <= 0.1F);
}

TEST_CASE("random_weights: rows are those of the whole tensor, wherever they begin and end") {
  const checkpoint::random_weights weights(1);
  const std::vector<std::int64_t> shape = {9, 5, 3};
  std::vector<float> all(9 * 5 * 3);
  weights.read("w", shape, all);
  for (std::size_t first = 0; first < 9; ++first)
    for (std::size_t count = 0; first + count <= 9; ++count) {
      std::vector<float> rows(count * 15);
      weights.read_rows("w", shape, static_cast<std::int64_t>(first), rows);
      CHECK(std::equal(rows.begin(), rows.end(), all.begin() + first * 15));
    }
}
