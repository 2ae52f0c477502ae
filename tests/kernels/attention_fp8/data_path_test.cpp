// The FP8 kernel's data path without a GPU: what it does with addresses, boxes, registers and
// scales, on a model of the instructions, ends in the same output as keys taken one by one.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <set>

#include "kernels/attention_fp8/attention_fp8_ref.hpp"
#include "kernels/attention_fp8/boxes.hpp"
#include "kernels/attention_fp8/quantize_threads.hpp"
#include "tests/kernels/attention_fp8/wgmma_model.hpp"

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

// What one consumer warpgroup computes of a tile, step by step as in consumer_fp8_sm90.cuh.
class model_warpgroup {
 public:
  struct result {
    kernels_test::accumulators o = kernels_test::accumulators(128);
    std::vector<std::array<double, 2>> lse = std::vector<std::array<double, 2>>(128);
  };

  model_warpgroup(const attention_fp8_params& params, int valid)
      : p_(params), valid_(valid), shared_(16384 * 5) {}

  result compute(int row_block, int group, int head) {
    const int head_kv = head / (p_.heads / p_.heads_kv);
    const auto q_view = fp8::boxes_of_rows(p_.q, p_.batch, p_.tokens_q, p_.heads);
    const auto k_view = fp8::boxes_of_rows(p_.k, p_.batch, p_.tokens_kv, p_.heads_kv);
    const auto v_view = fp8::boxes_of_values(p_.v, p_.batch, p_.tokens_kv, p_.heads_kv);
    kernels_test::load_box(shared_, 0, q_view, {0, row_block * 128, 0, head, 0});
    const auto q_start = static_cast<std::uint32_t>(group * 64 * 128);
    const float q_factor = std::ldexp(p_.scale * 1.4426950408889634f,
                                      p_.q_exponents[head * fp8::groups(p_.tokens_q) + row_block]);

    result r;
    kernels_test::accumulators s(128), t(128);
    std::vector<std::array<double, 2>> sums(128, {0, 0});
    std::vector<std::array<float, 2>> maxima(128, {minus_infinity, minus_infinity});
    int unit = 0;
    for (int n = fp8::groups(valid_) - 1; n >= 0; --n) {
      const auto k_start = static_cast<std::uint32_t>(16384 * (1 + n % 2));
      const auto v_start = static_cast<std::uint32_t>(16384 * (3 + n % 2));
      kernels_test::load_box(shared_, k_start, k_view, {0, n * 128, 0, head_kv, 0});
      kernels_test::load_box(shared_, v_start, v_view, {0, n, 0, head_kv, 0});
      for (int i = 0; i < 4; ++i)
        kernels_test::multiply_ss(s, shared_, q_start + at_step(i), k_start + at_step(i), i > 0);

      const float factor = std::ldexp(q_factor, p_.k_exponents[n]);
      std::vector<std::array<double, 2>> keep(128);
      std::vector<kernels_test::a_registers> p(4, kernels_test::a_registers(128));
      for (int quad = 0; quad < 32; ++quad) softmax_of(quad, n, factor, s, maxima, keep, sums, p);
      for (int i = 0; i < 4; ++i)
        kernels_test::multiply_rs(t, p[static_cast<std::size_t>(i)], shared_, v_start + at_step(i),
                                  i > 0);
      const int change = n == fp8::groups(valid_) - 1 ? 0 : unit - p_.v_exponents[n];
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
  static std::uint32_t at_step(int i) { return static_cast<std::uint32_t>(i * fp8::step_bytes); }

  // Four threads that share two rows: mask, maximum, probabilities, and their place in the A
  // operand.
  void softmax_of(int quad, int n, float factor, const kernels_test::accumulators& scores,
                  std::vector<std::array<float, 2>>& maxima,
                  std::vector<std::array<double, 2>>& keep,
                  std::vector<std::array<double, 2>>& sums,
                  std::vector<kernels_test::a_registers>& p) const {
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
            packed |= static_cast<std::uint32_t>(
                          kernels::to_e4m3(
                              s[c][static_cast<std::size_t>(fp8::accumulator_of(step, a, byte))])
                              .__x)
                      << 8 * byte;
          p[static_cast<std::size_t>(step)][thread][static_cast<std::size_t>(a)] = packed;
        }
    }
  }

  attention_fp8_params p_;
  int valid_;
  kernels_test::shared_bytes shared_;
};

void check_data_path(int tokens_q, int tokens_kv, int valid, std::uint64_t seed) {
  CAPTURE(tokens_q);
  CAPTURE(tokens_kv);
  CAPTURE(valid);
  const host_problem problem(tokens_q, tokens_kv, seed);
  attention_fp8_params p = problem.params();
  p.valid_rows = &valid;
  model_warpgroup model(p, valid);
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

TEST_CASE(
    "fp8: the threads that quantize take every number once and put values where they belong") {
  // A number is its row and column, a word the four of its bytes.
  struct number {
    int row, column;
  };
  std::set<std::pair<int, int>> taken;
  std::vector<std::array<number, 4>> words(static_cast<std::size_t>(128 * fp8::words_of_column));
  const auto in_banks_of_their_own = [](int warp, const auto& place_of) {
    std::set<int> banks;
    for (int lane = 0; lane < 32; ++lane) banks.insert(place_of(32 * warp + lane) % 32);
    return banks.size() == 32;
  };
  for (int pass = 0; pass < fp8::passes; ++pass)
    for (int c = 0; c < fp8::thread_columns; ++c) {
      const auto place = [&](int thread) {
        return fp8::place_of_word(fp8::first_column(thread) + c, fp8::quad_of(thread, pass));
      };
      for (int thread = 0; thread < fp8::quantize_threads; ++thread)
        for (int byte = 0; byte < 4; ++byte) {
          const number x{fp8::row_of_quad(fp8::quad_of(thread, pass), byte),
                         fp8::first_column(thread) + c};
          taken.insert({x.row, x.column});
          words[static_cast<std::size_t>(place(thread))][static_cast<std::size_t>(byte)] = x;
        }
      for (int warp = 0; warp < fp8::quantize_threads / 32; ++warp)
        CHECK(in_banks_of_their_own(warp, place));
    }
  CHECK(taken.size() == 128 * 128);
  CHECK(taken.rbegin()->first == 127);
  CHECK(taken.begin()->second == 0);

  std::set<std::pair<int, int>> written;
  for (int write = 0; write < fp8::writes; ++write)
    for (int j = 0; j < 4; ++j) {
      const auto place = [&](int thread) {
        return fp8::place_of_word(fp8::column_to_write(thread, write),
                                  fp8::first_quad_to_write(thread) + j);
      };
      for (int thread = 0; thread < fp8::quantize_threads; ++thread)
        for (int byte = 0; byte < 4; ++byte) {
          const int dim = fp8::column_to_write(thread, write);
          const int position = 4 * (fp8::first_quad_to_write(thread) + j) + byte;
          const number x =
              words[static_cast<std::size_t>(place(thread))][static_cast<std::size_t>(byte)];
          REQUIRE(x.column == dim);
          REQUIRE(x.row == fp8::key_at(position));
          written.insert({dim, position});
        }
      for (int warp = 0; warp < fp8::quantize_threads / 32; ++warp)
        CHECK(in_banks_of_their_own(warp, place));
    }
  CHECK(written.size() == 128 * 128);
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
