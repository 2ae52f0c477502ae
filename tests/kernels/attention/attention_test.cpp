// Both paths of attention against fp64 on the CPU: fresh random input, output poisoned before each
// run, sizes around the tiles' (64 and 128 queries; 80, 128, 176 and 192 keys) and the pipeline's.
#include "kernels/attention/attention.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>

#include "kernels/attention/attention_ref.hpp"
#include "tests/kernels/attention/device_problem.hpp"

using kernels::attention_params;
using kernels::attention_path;
using kernels_test::bias_kind;
using kernels_test::device_buffer;
using kernels_test::problem;
using kernels_test::shape;

namespace {

std::uint64_t fresh_seed() {
  const std::uint64_t seed = std::random_device{}();
  MESSAGE("seed " << seed);
  return seed;
}

// All of small problems; of large ones about `most` rows, the first and the last among them.
template <class Visit>
void for_rows(const shape& s, int most, const Visit& visit) {
  const std::int64_t rows = static_cast<std::int64_t>(s.batch) * s.heads * s.tokens_q;
  const std::int64_t stride = rows <= most ? 1 : rows / most;
  for (std::int64_t i = 0; i < rows; i += stride) {
    const std::int64_t row = i + stride < rows ? i : rows - 1;
    visit(static_cast<int>(row / s.tokens_q / s.heads),
          static_cast<int>(row / s.tokens_q % s.heads), static_cast<int>(row % s.tokens_q));
  }
}

bool same_bits(const problem& p, const std::vector<__nv_bfloat16>& o,
               const std::vector<float>& lse) {
  return std::memcmp(p.o.data(), o.data(), o.size() * 2) == 0 &&
         std::memcmp(p.lse.data(), lse.data(), lse.size() * 4) == 0;
}

// Probabilities and outputs are rounded to bf16 (2^-9 each at most): 3e-3 leaves no room for more.
void check_against_fp64(problem& data, const shape& s, attention_path path, bool with_workspace) {
  CAPTURE(words(s));
  attention_params on_device = data.params(true);
  if (!with_workspace) on_device.workspace = nullptr;
  data.run(on_device, path);

  double difference = 0, size = 0, lse_error = 0;
  const attention_params on_host = data.params(false);
  const int rows = std::clamp(100'000'000 / (s.tokens_kv * s.head_dim), 40, 400);
  for_rows(s, rows, [&](int b, int h, int q) {
    const kernels::attention_row expected = kernels::attention_ref(on_host, b, h, q);
    for (int i = 0; i < s.head_dim; ++i) {
      const double is = static_cast<double>(__bfloat162float(data.o[data.o_at(b, h, q, i)]));
      const double should = expected.o[static_cast<std::size_t>(i)];
      difference += (is - should) * (is - should);
      size += should * should;
    }
    const double lse = static_cast<double>(data.lse[data.lse_at(b, h, q)]);
    if (std::isinf(expected.lse))
      CHECK(lse == expected.lse);
    else
      lse_error = std::max(lse_error, std::abs(lse - expected.lse));
    if (std::isnan(lse)) lse_error = lse;
  });
  CHECK(std::sqrt(difference) <= 3e-3 * std::sqrt(size));
  CHECK(lse_error <= 1e-4);

  // Every element was written, and none between the tokens' heads.
  std::size_t unwritten = 0, overwritten = 0;
  const std::size_t row = static_cast<std::size_t>(s.heads + 1) * s.head_dim;
  for (std::size_t i = 0; i < data.o.size(); ++i) {
    const bool poison = std::isnan(__bfloat162float(data.o[i]));
    if (i % row < row - s.head_dim)
      unwritten += poison;
    else
      overwritten += !poison;
  }
  CHECK(unwritten == 0);
  CHECK(overwritten == 0);

  const auto o = data.o;
  const auto lse = data.lse;
  data.run(on_device, path);
  CHECK(same_bits(data, o, lse));
}

void check_against_fp64(const shape& s, attention_path path, std::uint64_t seed,
                        bool with_workspace = true) {
  problem data(s, seed);
  check_against_fp64(data, s, path, with_workspace);
}

bool hopper() {
  attention_params p;
  p.tokens_kv = 1;
  const bool is = kernels::choose_attention_path(p) == attention_path::hopper;
  if (!is) MESSAGE("skipped: not a Hopper GPU");
  return is;
}

// `random` numbers around and between the tiles' sizes.
int some_size(std::mt19937_64& random) {
  const int tiles[] = {0, 64, 80, 128, 176, 192, 256, 352, 384, 512, 704, 1560};
  return std::max(1, tiles[random() % 11] + static_cast<int>(random() % 3) - 1);
}

}  // namespace

TEST_CASE("attention_ref: two keys, by hand") {
  const std::vector<float> values{1, 0, /* k */ 0, 5, 2, 0, /* v */ 4, 0, 0, 8};
  std::vector<__nv_bfloat16> bf16;
  for (const float x : values) bf16.push_back(__float2bfloat16(x));
  attention_params p;
  p.q = {bf16.data(), 0, 2, 2};
  p.k = {bf16.data() + 2, 0, 2, 2};
  p.v = {bf16.data() + 6, 0, 2, 2};
  p.tokens_q = 1;
  p.tokens_kv = 2;
  p.head_dim = 2;
  p.scale = std::log(3.0f) / 2;  // scores 0 and ln 3: probabilities 1/4 and 3/4
  const kernels::attention_row row = kernels::attention_ref(p, 0, 0, 0);
  CHECK(row.o[0] == doctest::Approx(1));
  CHECK(row.o[1] == doctest::Approx(6));
  CHECK(row.lse == doctest::Approx(std::log(4.0)));
}

TEST_CASE("attention: the Hopper path at sizes around the tiles") {
  if (!hopper()) return;
  const std::uint64_t seed = fresh_seed();
  for (const int head_dim : {128, 64})
    for (const bool causal : {false, true})
      for (const int tokens_q : {1, 127, 128, 129, 300})
        for (const int tokens_kv : {1, 127, 129, 175, 177, 192, 193, 600, 704, 705, 880, 881})
          check_against_fp64({1, 2, 2, tokens_q, tokens_kv, head_dim, causal},
                             attention_path::hopper, seed);
}

TEST_CASE(
    "attention: the Hopper path at random shapes, heads in groups, valid rows on the device") {
  if (!hopper()) return;
  std::mt19937_64 random(fresh_seed());
  for (int i = 0; i < 60; ++i) {
    const int heads_kv = 1 + static_cast<int>(random() % 3);
    const int tokens_kv = some_size(random);
    shape s{1 + static_cast<int>(random() % 2),
            heads_kv * (1 + static_cast<int>(random() % 3)),
            heads_kv,
            some_size(random),
            tokens_kv,
            random() % 2 ? 128 : 64,
            random() % 2 == 0};
    if (random() % 2) s.valid_rows = static_cast<int>(random() % (tokens_kv + 1));
    check_against_fp64(s, attention_path::hopper, random(), random() % 4 != 0);
  }
}

TEST_CASE("attention: the Hopper path at the pipeline's shapes") {
  if (!hopper()) return;
  const std::uint64_t seed = fresh_seed();
  for (const bool workspace : {true, false})
    for (const int tokens_kv : {512, 4680, 18720})
      check_against_fp64({1, 12, 12, 4680, tokens_kv, 128}, attention_path::hopper, seed,
                         workspace);
  check_against_fp64({1, 12, 12, 4680, 18720, 128, false, 14040}, attention_path::hopper, seed);
  for (const int valid_rows : {0, 1, 600})
    check_against_fp64({1, 12, 6, 4680, 700, 128, false, valid_rows}, attention_path::hopper, seed);
  check_against_fp64({1, 16, 4, 4096, 4096, 128, true}, attention_path::hopper, seed);
  check_against_fp64({2, 4, 2, 8192, 8192, 64, true}, attention_path::hopper, seed);
  check_against_fp64({1, 12, 12, 4680, 5000, 128, true, 4700}, attention_path::hopper, seed);
  check_against_fp64({1, 12, 12, 3000, 200, 128, true}, attention_path::hopper, seed);
}

TEST_CASE("attention: few keys, where each consumer has queries of its own") {
  if (!hopper()) return;
  std::mt19937_64 random(fresh_seed());
  for (const int tokens_kv : {1, 8, 63, 65, 79, 80, 81, 121, 128, 160, 161, 241, 512, 703})
    for (const int tokens_q : {1, 64, 65, 129, 4680}) {  // a unit, and several for each consumer
      shape s{1, 12, 12, tokens_q, tokens_kv, 128};
      check_against_fp64(s, attention_path::hopper, random());
      s.last_key_count = 391;
      check_against_fp64(s, attention_path::hopper, random());
    }
  // Shares of a block that begin in one head and end in another, or span several.
  for (const int tokens_q : {40, 200, 700, 1500})
    for (const int tokens_kv : {100, 300}) {
      shape s{2, 35, 7, tokens_q, tokens_kv, 128};
      check_against_fp64(s, attention_path::hopper, random());
      s.valid_rows = static_cast<int>(random() % (tokens_kv + 1));
      check_against_fp64(s, attention_path::hopper, random());
    }
  check_against_fp64({1, 12, 12, 18720, 121, 128}, attention_path::hopper, random());
  check_against_fp64({4, 24, 24, 4680, 121, 128, false, 0}, attention_path::hopper, random());
}

TEST_CASE("attention: many queries, where pairs of blocks copy keys for each other") {
  if (!hopper()) return;
  std::mt19937_64 random(fresh_seed());
  for (const int tokens_q : {8192, 8193, 8320, 8449})  // 64 to 67 tiles, the last whole and not
    for (const int tokens_kv : {705, 881, 1409, 3000})
      for (const bool causal : {false, true}) {
        shape s{1, 3, 1, tokens_q, tokens_kv, 128, causal};
        check_against_fp64(s, attention_path::hopper, random(), random() % 2 == 0);
        s.valid_rows = static_cast<int>(random() % (tokens_kv + 1));
        check_against_fp64(s, attention_path::hopper, random(), random() % 2 == 0);
      }
  check_against_fp64({1, 12, 12, 18720, 18720, 128}, attention_path::hopper, random());
  check_against_fp64({1, 4, 2, 16384, 16384, 128, true}, attention_path::hopper, random());
}

TEST_CASE("attention: scores that are all below zero") {
  if (!hopper()) return;
  const std::uint64_t seed = fresh_seed();
  for (const int head_dim : {128, 64})
    for (const int tokens_kv : {300, 1000}) {
      const shape s{1, 1, 1, 200, tokens_kv, head_dim};
      problem data(s, seed);
      for (int token = 0; token < std::max(s.tokens_q, tokens_kv); ++token) {
        const std::size_t query = static_cast<std::size_t>(token) * 3 * head_dim;
        data.change(query, 100);
        data.change(query + head_dim, -1);  // its key
      }
      data.upload();
      check_against_fp64(data, s, attention_path::hopper, true);
    }
}

TEST_CASE("attention: the plain path") {
  std::mt19937_64 random(fresh_seed());
  for (int i = 0; i < 20; ++i) {
    const int tokens_kv = some_size(random);
    shape s{1,         4, i % 2 ? 2 : 4, some_size(random) % 300 + 1, tokens_kv, i % 3 ? 128 : 72,
            i % 4 == 0};
    if (i % 5 == 0) s.valid_rows = tokens_kv / 2;
    check_against_fp64(s, attention_path::plain, random());
  }
}

TEST_CASE("attention: the plain path adds a bias, per key and per score") {
  const std::uint64_t seed = fresh_seed();
  for (const bias_kind bias : {bias_kind::per_key, bias_kind::per_score})
    for (const int head_dim : {64, 72, 128})
      for (const bool causal : {false, true})
        check_against_fp64({2, 4, 2, 37, 129, head_dim, causal, -1, bias}, attention_path::plain,
                           seed);
  check_against_fp64({1, 4, 2, 37, 129, 64, false, 100, bias_kind::per_score},
                     attention_path::plain, seed);
}

TEST_CASE("attention: a last key that counts several times, among keys around the tiles") {
  const std::uint64_t seed = fresh_seed();
  for (const int tokens_kv : {1, 2, 80, 81, 121, 128, 175, 176, 177, 178, 192, 193, 600})
    for (const int head_dim : {128, 64})
      for (const bool causal : {false, true}) {
        shape s{1, 4, 2, 140, tokens_kv, head_dim, causal};
        s.last_key_count = 443;
        if (hopper()) check_against_fp64(s, attention_path::hopper, seed);
        if (tokens_kv < 180) check_against_fp64(s, attention_path::plain, seed);
        s.valid_rows = tokens_kv / 2;
        if (hopper()) check_against_fp64(s, attention_path::hopper, seed);
      }
}

TEST_CASE("attention: identical keys are one key that counts as often") {
  const shape s{1, 2, 2, 9, 40, 64};  // keys 30 to 39 are alike
  problem data(s, fresh_seed());
  const int token = 3 * 2 * 64;
  for (int key = 31; key < 40; ++key)
    for (int i = 2 * 64; i < token; ++i)  // its key and value in both heads
      data.copy(30 * token + i, key * token + i);
  data.upload();
  data.run(data.params(true), attention_path::plain);
  const auto o = data.o;
  const auto lse = data.lse;

  const auto check_merged = [&](const attention_params& merged, attention_path path) {
    data.run(merged, path);
    for (std::size_t i = 0; i < lse.size(); ++i) CHECK(data.lse[i] == doctest::Approx(lse[i]));
    double difference = 0, size = 0;
    for (int q = 0; q < s.tokens_q; ++q)
      for (int i = 0; i < 2 * 64; ++i) {
        const std::size_t at = data.o_at(0, 0, q, i);
        const double is = static_cast<double>(__bfloat162float(data.o[at]));
        const double should = static_cast<double>(__bfloat162float(o[at]));
        difference += (is - should) * (is - should);
        size += should * should;
      }
    CHECK(std::sqrt(difference) <= 3e-3 * std::sqrt(size));
  };
  attention_params merged = data.params(true);
  merged.tokens_kv = 31;
  merged.last_key_count = 10;
  check_merged(merged, attention_path::plain);
  if (hopper()) check_merged(merged, attention_path::hopper);

  std::vector<float> bias(31, 0.0f);  // the same, said with a bias
  bias[30] = std::log(10.0f);
  const device_buffer<float> on_device(bias);
  merged.last_key_count = 1;
  merged.bias = on_device.get();
  check_merged(merged, attention_path::plain);
}

TEST_CASE("attention: a bias takes the plain path, and the Hopper path refuses it") {
  const shape s{1, 1, 1, 8, 8, 128, false, -1, bias_kind::per_key};
  const problem data(s, fresh_seed());
  const attention_params p = data.params(true);
  CHECK(kernels::choose_attention_path(p) == attention_path::plain);
  CHECK_THROWS_WITH(kernels::attention(p, attention_path::hopper, nullptr),
                    "attention: the Hopper path does not take this shape or device");
}

TEST_CASE("attention: says which code runs") {
  CHECK(kernels::describe(attention_path::hopper) == "hopper, sm_90a");
  CHECK(kernels::describe(attention_path::plain).find("plain, sm_") == 0);
  if (hopper()) CHECK(kernels::describe(attention_path::plain) == "plain, sm_90");
}

TEST_CASE("attention: NaN and infinity stay in their rows") {
  if (!hopper()) return;
  const shape s{1, 1, 1, 200, 400, 128};
  problem data(s, fresh_seed());
  const std::size_t token = 3 * 128;
  data.change(5 * token, std::numeric_limits<float>::quiet_NaN());   // query 5
  data.change(130 * token, std::numeric_limits<float>::infinity());  // query 130
  data.upload();
  data.run(data.params(true), attention_path::hopper);
  for (int q = 0; q < s.tokens_q; ++q) {
    CAPTURE(q);
    CHECK(std::isnan(__bfloat162float(data.o[data.o_at(0, 0, q, 7)])) == (q == 5 || q == 130));
  }
}

TEST_CASE("attention: a captured graph replays it, with the valid rows of the moment") {
  if (!hopper()) return;
  const shape s{1, 12, 12, 600, 2000, 128, false, 2000};
  problem data(s, fresh_seed());
  attention_params p = data.params(true);
  data.run(p, attention_path::hopper);
  const auto all = data.o;
  const device_buffer<int> valid(std::vector<int>{700});
  p.valid_rows = valid.get();
  data.run(p, attention_path::hopper);
  const auto some = data.o;
  CHECK(std::memcmp(all.data(), some.data(), all.size() * 2) != 0);

  cudaStream_t stream = nullptr;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t replay = nullptr;
  CUDA_OK(cudaStreamCreate(&stream));
  CUDA_OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  kernels::attention(p, stream);
  CUDA_OK(cudaStreamEndCapture(stream, &graph));
  CUDA_OK(cudaGraphInstantiate(&replay, graph, 0));
  const auto outputs_after = [&](int rows) {
    CUDA_OK(cudaMemcpy(valid.get(), &rows, sizeof rows, cudaMemcpyHostToDevice));
    CUDA_OK(cudaGraphLaunch(replay, stream));
    CUDA_OK(cudaStreamSynchronize(stream));
    std::vector<__nv_bfloat16> o(all.size());
    CUDA_OK(cudaMemcpy(o.data(), p.o.data, o.size() * 2, cudaMemcpyDeviceToHost));
    return o;
  };
  CHECK(std::memcmp(outputs_after(2000).data(), all.data(), all.size() * 2) == 0);
  CHECK(std::memcmp(outputs_after(700).data(), some.data(), all.size() * 2) == 0);
  cudaGraphExecDestroy(replay);
  cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
}

TEST_CASE("attention: without queries nothing is asked of the device, whatever the path") {
  attention_params p;
  p.heads = p.heads_kv = 1;
  p.head_dim = 128;
  p.scale = 1;
  p.tokens_kv = 4;
  CHECK_NOTHROW(kernels::attention(p, nullptr));
  for (const attention_path path : {attention_path::hopper, attention_path::plain})
    CHECK_NOTHROW(kernels::attention(p, path, nullptr));
}

TEST_CASE("attention: says which shapes it does not take") {
  attention_params p;
  p.tokens_q = p.tokens_kv = 8;
  p.heads = 3;
  p.heads_kv = 2;
  CHECK_THROWS_WITH(kernels::attention(p, nullptr),
                    "attention: 3 query heads do not share 2 key heads evenly");
  p.heads_kv = 3;
  p.head_dim = 512;
  CHECK_THROWS_WITH(kernels::attention(p, nullptr), "attention: head_dim 512 is more than 256");
  p.head_dim = 128;
  p.scale = 0;
  CHECK_THROWS_WITH(kernels::attention(p, nullptr), "attention: the scale is not above 0");
}
