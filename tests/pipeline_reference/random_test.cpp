#include <doctest/doctest.h>

#include <cmath>
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
