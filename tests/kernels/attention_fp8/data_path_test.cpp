// The FP8 kernel's data path without a GPU: what it does with addresses, boxes, registers and
// scales, on a model of the instructions, ends in the same output as keys taken one by one.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <set>

#include "kernels/attention_fp8/attention_fp8_ref.hpp"
#include "kernels/attention_fp8/quantize_threads.hpp"
#include "tests/kernels/attention_fp8/consumer_model.hpp"

namespace fp8 = kernels::fp8;
using kernels::attention_fp8_params;

namespace {

// Quantized tensors in host memory: two heads of queries share one of keys.
struct host_problem {
  static constexpr int heads = 2, row = (heads + 1) * 128;
  int tokens_q, tokens_kv;
  std::vector<__nv_bfloat16> q, k, v;
  std::vector<__nv_fp8_e4m3> q8, k8, v8;
  std::vector<int> q_exponents, k_exponents, v_exponents;

  host_problem(int queries, int keys, std::uint64_t seed)
      : tokens_q(queries),
        tokens_kv(keys),
        q8(static_cast<std::size_t>(queries * row)),
        k8(static_cast<std::size_t>(keys * row)),
        v8(static_cast<std::size_t>(128 * pitch())),
        q_exponents(static_cast<std::size_t>(heads * fp8::groups(queries))),
        k_exponents(static_cast<std::size_t>(fp8::groups(keys))),
        v_exponents(static_cast<std::size_t>(fp8::groups(keys))) {
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    // Sizes differ from group to group, so that a scale of the wrong group shows.
    const auto fill = [&](std::vector<__nv_bfloat16>& values, int tokens, float base) {
      for (int token = 0; token < tokens; ++token)
        for (int i = 0; i < row; ++i)
          values.push_back(__float2bfloat16(
              normal(random) * std::pow(base, static_cast<float>(token / fp8::group_rows % 3))));
    };
    fill(q, queries, 2);
    fill(k, keys, 0.4f);
    fill(v, keys, 6);
    kernels::quantize_rows_ref({{q.data(), 0, row, 128}, 1, heads, queries, q_exponents.data()},
                               {q8.data(), 0, row, 128});
    kernels::quantize_rows_ref({{k.data(), 0, row, 128}, 1, 1, keys, k_exponents.data()},
                               {k8.data(), 0, row, 128});
    kernels::quantize_values_ref({{v.data(), 0, row, 128}, 1, 1, keys, v_exponents.data()},
                                 {v8.data(), 0, 0, pitch()});
  }
  [[nodiscard]] int pitch() const { return fp8::groups(tokens_kv) * fp8::group_rows + 16; }

  [[nodiscard]] attention_fp8_params params() const {
    attention_fp8_params p;
    p.q = {q8.data(), 0, row, 128};
    p.k = {k8.data(), 0, row, 128};
    p.v = {v8.data(), 0, 0, pitch()};
    p.q_exponents = q_exponents.data();
    p.k_exponents = k_exponents.data();
    p.v_exponents = v_exponents.data();
    p.heads = heads;
    p.tokens_q = tokens_q;
    p.tokens_kv = tokens_kv;
    p.scale = 1 / std::sqrt(128.0f);
    return p;
  }
  [[nodiscard]] kernels::attention_params before_quantization() const {
    kernels::attention_params p;
    p.q = {q.data(), 0, row, 128};
    p.k = {k.data(), 0, row, 128};
    p.v = {v.data(), 0, row, 128};
    p.heads = heads;
    p.tokens_q = tokens_q;
    p.tokens_kv = tokens_kv;
    p.scale = 1 / std::sqrt(128.0f);
    return p;
  }
};

void check_data_path(int tokens_q, int tokens_kv, int valid, std::uint64_t seed) {
  CAPTURE(tokens_q);
  CAPTURE(tokens_kv);
  CAPTURE(valid);
  const host_problem problem(tokens_q, tokens_kv, seed);
  attention_fp8_params p = problem.params();
  p.valid_rows = &valid;
  kernels_test::model_warpgroup model(p, valid);
  for (int head = 0; head < p.heads; ++head)
    for (int row_block = 0; row_block < fp8::groups(tokens_q); ++row_block)
      for (int group = 0; group < 2; ++group) {
        const auto result = model.compute(row_block, group, head);
        double worst = 0, worst_lse = 0;
        int last_query = -1;
        kernels::attention_row expected;
        for (int thread = 0; thread < 128; ++thread)
          for (const int row : {0, 1}) {
            const int query = row_block * 128 + group * 64 + kernels_test::row_of(thread, 2 * row);
            if (query >= tokens_q) continue;
            if (query != last_query) expected = kernels::attention_fp8_ref(p, 0, head, query);
            last_query = query;
            const auto t = static_cast<std::size_t>(thread);
            for (int i = 2 * row; i < 64; i += i % 2 == 0 ? 1 : 3) {
              const double should =
                  expected.o[static_cast<std::size_t>(kernels_test::column_of(thread, i))];
              worst = std::max(worst, std::abs(result.o[t][static_cast<std::size_t>(i)] - should));
            }
            worst_lse = std::max(
                worst_lse, std::abs(result.lse[t][static_cast<std::size_t>(row)] - expected.lse));
          }
        CHECK(worst < 1e-9);
        CHECK(worst_lse < 1e-9);
      }
}

}  // namespace

TEST_CASE("fp8: the keys of 16 positions are those 16, in the order in which scores lie") {
  std::set<int> keys;
  for (int position = 0; position < 128; ++position) {
    CHECK(fp8::key_at(position) / 16 == position / 16);
    keys.insert(fp8::key_at(position));
  }
  CHECK(keys.size() == 128);
  // Every byte of the A operand gets the score of the key that lies at its position.
  for (int thread = 0; thread < 128; ++thread)
    for (int step = 0; step < 4; ++step)
      for (int a = 0; a < 4; ++a)
        for (int byte = 0; byte < 4; ++byte) {
          const int i = fp8::accumulator_of(step, a, byte);
          REQUIRE(kernels_test::row_of(thread, i) == kernels_test::a_row(thread, a));
          REQUIRE(kernels_test::column_of(thread, i) ==
                  fp8::key_at(32 * step + kernels_test::a_column(thread, a, byte)));
        }
}

TEST_CASE("fp8: the threads that quantize take every number once, warps take whole sectors") {
  std::set<std::pair<int, int>> taken;  // row, column
  for (int warp = 0; warp < fp8::quantize_threads / 32; ++warp) {
    std::set<int> rows, columns;  // of all lanes: a warp takes all pairs of them
    for (int thread = 32 * warp; thread < 32 * warp + 32; ++thread) {
      const int row = fp8::first_row(thread), column = fp8::first_column(thread);
      // In transposed values, 16 rows in a row are 16 bytes in a row.
      REQUIRE(row % 16 == 0);
      for (int r = 0; r < fp8::thread_rows; ++r)
        for (int c = 0; c < fp8::thread_columns; ++c) {
          REQUIRE(fp8::key_at(row + r) == row + fp8::key_at(r));
          REQUIRE(fp8::key_at(r) < fp8::thread_rows);
          CHECK(taken.insert({row + r, column + c}).second);
          rows.insert(row + r);
          columns.insert(column + c);
        }
    }
    CHECK(rows.size() * columns.size() == 32 * fp8::thread_rows * fp8::thread_columns);
    for (const std::set<int>& side : {rows, columns}) {  // bytes of e4m3
      CHECK(side.size() % 32 == 0);
      CHECK(*side.begin() % 32 == 0);
      CHECK(*side.rbegin() - *side.begin() + 1 == static_cast<int>(side.size()));
    }
  }
  CHECK(taken.size() == 128 * 128);
  CHECK(taken.rbegin()->first == 127);
  CHECK(taken.begin()->second == 0);
}

TEST_CASE("fp8: exponents are the lowest that fit") {
  const auto exponent_of = [](float x) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &x, sizeof bits);
    return fp8::exponent_for(bits);
  };
  CHECK(exponent_of(448) == 0);
  CHECK(exponent_of(450) == 1);
  CHECK(exponent_of(224) == -1);
  CHECK(exponent_of(1) == -8);  // 256 of 448
  CHECK(exponent_of(0) == fp8::lowest_exponent);
  CHECK(exponent_of(3.3895314e38f) == 120);
  std::mt19937_64 random(7);
  for (int i = 0; i < 100'000; ++i) {
    const float x = std::ldexp(1 + static_cast<float>(random() % 128) / 128,
                               static_cast<int>(random() % 40) - 15);
    const int exponent = exponent_of(x);
    REQUIRE(x <= std::ldexp(448.0f, exponent));
    REQUIRE(x > std::ldexp(448.0f, exponent - 1));
    float power = 0;
    const std::uint32_t bits = fp8::bits_of_power(exponent);
    std::memcpy(&power, &bits, sizeof power);
    REQUIRE(power == std::ldexp(1.0f, exponent));
  }
}

TEST_CASE("fp8: rounding is to the nearest number, ties to the even one") {
  // All numbers >= 0 in order are codes 0 to 126.
  for (int code = 0; code < 126; ++code) {
    const double low = kernels_test::e4m3_value(static_cast<std::uint8_t>(code));
    const double high = kernels_test::e4m3_value(static_cast<std::uint8_t>(code + 1));
    const auto middle = static_cast<float>((low + high) / 2);
    CHECK(kernels::to_e4m3(static_cast<float>(low)).__x == code);
    CHECK(kernels::to_e4m3(std::nextafter(middle, 0.0f)).__x == code);
    CHECK(kernels::to_e4m3(middle).__x == (code % 2 == 0 ? code : code + 1));
    CHECK(kernels::to_e4m3(-std::nextafter(middle, 1e9f)).__x == (0x80 | (code + 1)));
  }
  CHECK(kernels::to_e4m3(1e9f).__x == 126);
  CHECK(std::isnan(kernels::from_e4m3(kernels::to_e4m3(std::nanf("")))));
}

TEST_CASE(
    "fp8: the kernel's steps on a model of its instructions give the output of keys one by one") {
  std::random_device seed;
  check_data_path(200, 300, 300, seed());
  check_data_path(70, 400, 257, seed());
  check_data_path(129, 128, 128, seed());
  check_data_path(1, 129, 1, seed());
}

TEST_CASE("fp8: the output is that of attention, up to the formats' precision") {
  const int tokens_q = 40, tokens_kv = 700;
  const host_problem problem(tokens_q, tokens_kv, std::random_device{}());
  double difference = 0, size = 0, lse = 0;
  for (int query = 0; query < tokens_q; ++query) {
    const auto is = kernels::attention_fp8_ref(problem.params(), 0, 1, query);
    const auto should = kernels::attention_ref(problem.before_quantization(), 0, 1, query);
    for (std::size_t i = 0; i < 128; ++i) {
      difference += (is.o[i] - should.o[i]) * (is.o[i] - should.o[i]);
      size += should.o[i] * should.o[i];
    }
    lse = std::max(lse, std::abs(is.lse - should.lse));
  }
  const double error = std::sqrt(difference / size);
  MESSAGE("relative L2 error " << error << ", of lse at most " << lse);
  CHECK(error < 0.1);  // three roundings of 2^-4 at most, 0.026 each in the mean square
  CHECK(error > 0.01);
  CHECK(lse < 0.1);
}
