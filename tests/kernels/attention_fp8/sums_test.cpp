// What the tensor cores' short sums cost, on a model of them: one e4m3 instruction adds 32 products
// to an accumulator, each addend cut off, towards zero, at 13 bits below the largest. Prints the
// table of kernels/attention_fp8/README.md.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "kernels/attention_fp8/quantize_ref.hpp"

namespace fp8 = kernels::fp8;

namespace {

constexpr int keys = 18720;
constexpr int addends = fp8::step_bytes;  // of an instruction, besides the accumulator
constexpr int instructions_of_block = fp8::group_rows / addends;

double rounded(double x) {
  return static_cast<double>(kernels::from_e4m3(kernels::to_e4m3(static_cast<float>(x))));
}

// Accumulator plus products, as one instruction leaves it.
double cut_off_sum(double accumulator, const double* products) {
  double largest = std::abs(accumulator);
  for (int i = 0; i < addends; ++i) largest = std::max(largest, std::abs(products[i]));
  if (largest == 0) return 0;
  const double unit = std::exp2(std::floor(std::log2(largest)) - 13);
  double sum = std::trunc(accumulator / unit);
  for (int i = 0; i < addends; ++i) sum += std::trunc(products[i] / unit);
  return sum * unit;
}

// Of the output's dimensions, by what is cut off alone: |cut off sums - sums| / |sums|.
double error_of(const std::vector<std::vector<double>>& dimensions, int blocks_of_sum) {
  double difference = 0, size = 0;
  for (const std::vector<double>& products : dimensions) {
    double exact = 0, total = 0, accumulator = 0;
    for (int i = 0; i < keys / addends; ++i) {
      accumulator = cut_off_sum(accumulator, products.data() + addends * i);
      for (int j = 0; j < addends; ++j)
        exact += products[static_cast<std::size_t>(addends * i + j)];
      if ((i + 1) % (instructions_of_block * blocks_of_sum) != 0) continue;
      total += accumulator;
      accumulator = 0;
    }
    total += accumulator;
    difference += (total - exact) * (total - exact);
    size += exact * exact;
  }
  return std::sqrt(difference / size);
}

// Probabilities of normal scores times values about `mean`, both e4m3, in 40 dimensions.
std::vector<std::vector<double>> random_products(double mean, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> scores(keys), probabilities;
  for (double& score : scores) score = normal(random);
  const double largest = *std::max_element(scores.begin(), scores.end());
  for (const double score : scores)
    probabilities.push_back(rounded(256 * std::exp(score - largest)));
  std::vector<std::vector<double>> dimensions(40, probabilities);
  for (auto& products : dimensions)
    for (double& product : products) product *= rounded(mean + normal(random));
  return dimensions;
}

}  // namespace

TEST_CASE("fp8: one instruction cuts off what lies below the largest addend's 14 bits") {
  std::array<double, addends> products{};
  products[3] = 1;
  CHECK(cut_off_sum(8192, products.data()) == 8193);    // the last bit that counts
  CHECK(cut_off_sum(16384, products.data()) == 16384);  // the first that does not
  products[3] = -1;
  CHECK(cut_off_sum(16384, products.data()) == 16384);  // towards zero, not down
  products[4] = 64;
  CHECK(cut_off_sum(0, products.data()) == 63);
}

TEST_CASE("fp8: sums of a few blocks lose less than 2 %, whatever the values' mean") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  for (const double mean : {0.0, 0.5, 2.0}) {
    const auto dimensions = random_products(mean, seed);
    std::map<int, double> errors;  // by the blocks of a sum
    for (const int blocks : {1, 4, fp8::blocks_of_sum, 16, 32, fp8::groups(keys)})
      errors[blocks] = error_of(dimensions, blocks);
    std::string line = "mean " + std::to_string(mean) + ":";
    for (const auto& [blocks, error] : errors)
      line += " " + std::to_string(blocks) + " blocks " + std::to_string(100 * error) + " %";
    MESSAGE(line);
    CHECK(errors[fp8::blocks_of_sum] < 0.02);
    CHECK(errors[fp8::blocks_of_sum] < errors[fp8::groups(keys)]);
  }
}
