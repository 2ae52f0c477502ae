// FP8 attention and its quantization on the device: bytes equal to the reference's, output tight
// against the same arithmetic on the CPU, and its error against fp64 beside bf16's. Outputs are
// poisoned before each run.
#include "kernels/attention_fp8/attention_fp8.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>

#include "kernels/attention_fp8/attention_fp8_ref.hpp"
#include "tests/kernels/attention_fp8/device_problem.hpp"

namespace fp8 = kernels::fp8;
using kernels::attention_fp8_params;
using kernels_test::device_buffer;
using kernels_test::problem;
using kernels_test::quantized_tensor;
using kernels_test::shape;

namespace {

std::uint64_t fresh_seed() {
  const std::uint64_t seed = std::random_device{}();
  MESSAGE("seed " << seed);
  return seed;
}

bool hopper() {
  const bool is = kernels::attention_fp8_runs_here();
  if (!is) MESSAGE("skipped: not a Hopper GPU");
  return is;
}

struct errors {
  double difference = 0, size = 0, lse = 0;  // of sums of squares; the largest
  void add(double should, double is) {
    difference += (is - should) * (is - should);
    size += should * should;
  }
  [[nodiscard]] double relative() const { return size == 0 ? 0 : std::sqrt(difference / size); }
};

// Of about `most` rows, the first and the last among them.
template <class Reference>
errors errors_against(const problem& data, const shape& s, int most, const Reference& reference) {
  errors e;
  const std::int64_t rows = static_cast<std::int64_t>(s.batch) * s.heads * s.tokens_q;
  const std::int64_t stride = rows <= most ? 1 : rows / most;
  for (std::int64_t i = 0; i < rows; i += stride) {
    const std::int64_t row = i + stride < rows ? i : rows - 1;
    const int batch = static_cast<int>(row / s.tokens_q / s.heads);
    const int head = static_cast<int>(row / s.tokens_q % s.heads);
    const int query = static_cast<int>(row % s.tokens_q);
    const kernels::attention_row expected = reference(batch, head, query);
    for (int d = 0; d < 128; ++d) {
      e.add(expected.o[static_cast<std::size_t>(d)], data.o_at(batch, head, query, d));
    }
    const double lse = data.lse_at(batch, head, query);
    if (std::isinf(expected.lse))
      CHECK(lse == expected.lse);
    else
      e.lse = std::isnan(lse) ? lse : std::max(e.lse, std::abs(lse - expected.lse));
  }
  return e;
}

// Sums cut off at 13 bits below the largest addend move scores by a thousandth or so, which rounds
// some probabilities to their other neighbour: in a model of that, outputs of such tensors move by
// 5e-3 and lse by 3e-3. A wrong key, scale or column moves them by far more. In a row or two, one
// such probability can be much of the output: in that model two rows moved by up to 3.3e-2, in 4000
// problems, and ten by 1.3e-2, in 600.
double most_against_reference(const shape& s) {
  return s.batch * s.heads * s.tokens_q < 10 ? 5e-2 : 2e-2;
}
constexpr double most_lse = 1e-2;
// Split tiles round probabilities about other maxima than the reference does, so they are as far
// from fp64 as it is, but not in the same way. How far that is depends on the numbers: on the few
// rows looked at, 0.04 to 0.16.
double most_of_split_tiles(double of_reference) {
  return 1.3 * of_reference + 4e-2;
}

void check(problem& data, const shape& s) {
  CAPTURE(words(s));
  REQUIRE(data.q.same_on_both_sides());
  REQUIRE(data.k.same_on_both_sides());
  REQUIRE(data.v.same_on_both_sides());
  const int rows = std::clamp(10'000'000 / (s.tokens_kv * 128), 20, 130);
  const attention_fp8_params on_host = data.params(false);
  const kernels::attention_params before = data.bf16_params(false);

  data.run_fp8(false);
  const errors tight = errors_against(data, s, rows, [&](int b, int h, int i) {
    return kernels::attention_fp8_ref(on_host, b, h, i);
  });
  CHECK(tight.relative() <= most_against_reference(s));
  CHECK(tight.lse <= most_lse);

  // Every element was written, and none between the tokens' heads.
  std::size_t unwritten = 0, overwritten = 0;
  const auto row = static_cast<std::size_t>(data.o_token());
  for (std::size_t i = 0; i < data.o.size(); ++i) {
    const bool poison = std::isnan(__bfloat162float(data.o[i]));
    if (i % row < row - 128)
      unwritten += poison;
    else
      overwritten += !poison;
  }
  CHECK(unwritten == 0);
  CHECK(overwritten == 0);

  // With a workspace some tiles are split; a second run gives the same bits.
  data.run_fp8(true);
  errors of_reference;
  const errors split = errors_against(data, s, rows, [&](int b, int h, int i) {
    const kernels::attention_row exact = kernels::attention_ref(before, b, h, i);
    const kernels::attention_row quantized = kernels::attention_fp8_ref(on_host, b, h, i);
    for (std::size_t d = 0; d < 128; ++d) of_reference.add(exact.o[d], quantized.o[d]);
    return exact;
  });
  CHECK(split.relative() <= most_of_split_tiles(of_reference.relative()));
  const auto o = data.o;
  const auto lse = data.lse;
  data.run_fp8(true);
  CHECK(std::memcmp(o.data(), data.o.data(), o.size() * 2) == 0);
  CHECK(std::memcmp(lse.data(), data.lse.data(), lse.size() * 4) == 0);
}

void check(const shape& s, std::uint64_t seed) {
  problem data(s, seed);
  check(data, s);
}

}  // namespace

TEST_CASE("quantize: bytes and exponents of the kernels are the reference's") {
  if (!hopper()) return;
  std::mt19937_64 random(fresh_seed());
  for (const int tokens : {1, 15, 16, 127, 128, 129, 1000, 1560})
    for (const bool transposed : {false, true}) {
      CAPTURE(tokens);
      CAPTURE(transposed);
      quantized_tensor tensor(2, 3, tokens, transposed, random());
      CHECK(tensor.same_on_both_sides());
      for (int i = 0; i < 20; ++i)  // sizes of all kinds, in one group and in others
        tensor.change(static_cast<int>(random() % tokens), static_cast<int>(random() % 128),
                      std::ldexp(1 + static_cast<float>(random() % 128) / 128,
                                 static_cast<int>(random() % 60) - 40));
      tensor.change(0, 5, std::numeric_limits<float>::quiet_NaN());
      tensor.change(tokens - 1, 6, -std::numeric_limits<float>::infinity());
      tensor.quantize();
      CHECK(tensor.same_on_both_sides());
    }
}

TEST_CASE("attention_fp8: sizes around the tiles") {
  if (!hopper()) return;
  const std::uint64_t seed = fresh_seed();
  for (const int tokens_q : {1, 63, 65, 127, 128, 129, 300})
    for (const int tokens_kv : {1, 15, 17, 127, 128, 129, 255, 256, 257, 600})
      check({1, 2, 2, tokens_q, tokens_kv}, seed);
}

TEST_CASE("attention_fp8: random shapes, heads in groups, valid rows on the device") {
  if (!hopper()) return;
  std::mt19937_64 random(fresh_seed());
  for (int i = 0; i < 30; ++i) {
    const int heads_kv = 1 + static_cast<int>(random() % 3);
    const int tokens_kv = 1 + static_cast<int>(random() % 1500);
    shape s{1 + static_cast<int>(random() % 2), heads_kv * (1 + static_cast<int>(random() % 3)),
            heads_kv, 1 + static_cast<int>(random() % 500), tokens_kv};
    if (random() % 2) s.valid_rows = static_cast<int>(random() % (tokens_kv + 1));
    check(s, random());
  }
}

TEST_CASE("attention_fp8: the pipeline's shapes, and the error against fp64 beside bf16's") {
  if (!hopper()) return;
  const std::uint64_t seed = fresh_seed();
  for (const shape s : {shape{1, 12, 12, 4680, 512}, shape{1, 12, 12, 4680, 4680},
                        shape{1, 3, 3, 4680, 18720, 14040}}) {
    check(s, seed);
    problem data(s, seed);
    const kernels::attention_params before = data.bf16_params(false);
    const auto error = [&] {
      return errors_against(
                 data, s, 40,
                 [&](int b, int h, int i) { return kernels::attention_ref(before, b, h, i); })
          .relative();
    };
    data.run_fp8(true);
    const double of_fp8 = error();
    data.run([&] { kernels::attention(data.bf16_params(true), nullptr); });
    const double of_bf16 = error();
    MESSAGE(words(s) << ": relative L2 error " << of_fp8 << ", of bf16 " << of_bf16);
    CHECK(of_bf16 < of_fp8);
  }
}

TEST_CASE("attention_fp8: scores that are all below zero") {
  if (!hopper()) return;
  const shape s{1, 1, 1, 200, 1000};
  problem data(s, fresh_seed());
  for (int token = 0; token < s.tokens_q; ++token) data.q.change(token, 0, 100);
  for (int token = 0; token < s.tokens_kv; ++token) data.k.change(token, 0, -1);
  data.q.quantize();
  data.k.quantize();
  check(data, s);
}

TEST_CASE("attention_fp8: values of one sign, of whose sums the tensor cores cut off the most") {
  if (!hopper()) return;
  const shape s{1, 1, 1, 128, 18720};
  const std::uint64_t seed = fresh_seed();
  problem data(s, seed);
  kernels_test::random_numbers random(seed + 3);
  for (int token = 0; token < s.tokens_kv; ++token)
    for (int dim = 0; dim < 128; ++dim) data.v.change(token, dim, 2 + random.next());
  data.v.quantize();
  data.run_fp8(false);
  const attention_fp8_params on_host = data.params(false);
  const double error = errors_against(data, s, 10, [&](int b, int h, int i) {
                         return kernels::attention_fp8_ref(on_host, b, h, i);
                       }).relative();
  MESSAGE("relative L2 error " << error);
  CHECK(error < 2e-2);  // sums_test.cpp predicts 1.3e-2
}

TEST_CASE("attention_fp8: NaN and infinity stay in their rows") {
  if (!hopper()) return;
  const shape s{1, 1, 1, 200, 400};
  problem data(s, fresh_seed());
  data.q.change(5, 0, std::numeric_limits<float>::quiet_NaN());
  data.q.change(130, 0, std::numeric_limits<float>::infinity());
  data.q.quantize();
  data.run_fp8(false);
  for (int query = 0; query < s.tokens_q; ++query) {
    CAPTURE(query);
    CHECK(std::isnan(data.o_at(0, 0, query, 7)) == (query == 5 || query == 130));
  }
}

TEST_CASE("attention_fp8: a captured graph replays it, with the valid rows of the moment") {
  if (!hopper()) return;
  const shape s{1, 12, 12, 600, 2000, 2000};
  problem data(s, fresh_seed());
  const device_buffer<int> valid(std::vector<int>{700});
  attention_fp8_params p = data.params(true);
  data.run_fp8(true);
  const auto all = data.o;
  p.valid_rows = valid.get();
  data.run([&] { kernels::attention_fp8(p, nullptr); });
  const auto some = data.o;
  CHECK(std::memcmp(all.data(), some.data(), all.size() * 2) != 0);

  cudaStream_t stream = nullptr;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t replay = nullptr;
  CUDA_OK(cudaStreamCreate(&stream));
  CUDA_OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  kernels::attention_fp8(p, stream);
  CUDA_OK(cudaStreamEndCapture(stream, &graph));
  CUDA_OK(cudaGraphInstantiate(&replay, graph, 0));
  for (const int rows : {2000, 700}) {
    CUDA_OK(cudaMemcpy(valid.get(), &rows, sizeof rows, cudaMemcpyHostToDevice));
    data.run([&] {
      CUDA_OK(cudaDeviceSynchronize());
      CUDA_OK(cudaGraphLaunch(replay, stream));
    });
    const auto& expected = rows == 2000 ? all : some;
    CHECK(std::memcmp(data.o.data(), expected.data(), expected.size() * 2) == 0);
  }
  cudaGraphExecDestroy(replay);
  cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
}

TEST_CASE("attention_fp8: says what it does not take") {
  attention_fp8_params p;
  p.tokens_q = 8;
  CHECK_THROWS_WITH(kernels::attention_fp8(p, nullptr), "attention_fp8: there are no keys");
  p.tokens_kv = 200;
  p.heads = 3;
  p.heads_kv = 2;
  CHECK_THROWS_WITH(kernels::attention_fp8(p, nullptr),
                    "attention_fp8: 3 query heads do not share 2 key heads evenly");
  p.heads_kv = 3;
  p.v.dim_stride = 208;
  CHECK_THROWS_WITH(
      kernels::attention_fp8(p, nullptr),
      "attention_fp8: rows of values are shorter than the keys rounded up to a multiple of 128");
  p.q.token_stride = 24;
  CHECK_THROWS_WITH(kernels::attention_fp8(p, nullptr),
                    "attention_fp8: rows are not at multiples of 16 bytes");
  p.scale = 0;
  CHECK_THROWS_WITH(kernels::attention_fp8(p, nullptr), "attention_fp8: the scale is not above 0");
}
