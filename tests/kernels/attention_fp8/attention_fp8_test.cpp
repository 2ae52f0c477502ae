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
#include "kernels/attention_fp8/quantize.hpp"
#include "tests/kernels/device_buffer.hpp"

namespace fp8 = kernels::fp8;
using kernels::attention_fp8_params;
using kernels_test::device_buffer;

namespace {

struct shape {
  int batch, heads, heads_kv, tokens_q, tokens_kv;
  int valid_rows = -1;  // in device memory, unless negative
};

std::string words(const shape& s) {
  return std::to_string(s.batch) + " x " + std::to_string(s.heads) + "/" +
         std::to_string(s.heads_kv) + " heads, " + std::to_string(s.tokens_q) + " x " +
         std::to_string(s.tokens_kv) +
         (s.valid_rows >= 0 ? ", " + std::to_string(s.valid_rows) + " valid" : "");
}

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

// A tensor of one problem: bf16 on both sides, e4m3 and exponents as the kernels wrote them and as
// the reference did. Rows lie with a gap behind each token, or, transposed, behind each dimension.
class quantized_tensor {
 public:
  quantized_tensor(int batch, int heads, int tokens, bool transposed, std::uint64_t seed)
      : batch_(batch),
        heads_(heads),
        tokens_(tokens),
        transposed_(transposed),
        row_((heads + 1) * 128),
        pitch_(fp8::groups(tokens) * fp8::group_rows + 32),
        bf16_(kernels_test::random_numbers(seed).bf16(static_cast<std::size_t>(batch) * tokens *
                                                      row_)),
        bf16_device_(bf16_),
        bytes_(static_cast<std::size_t>(batch) *
               (transposed ? heads * 128 * pitch_ : tokens * row_)),
        exponents_(static_cast<std::size_t>(batch) * heads * fp8::groups(tokens)),
        bytes_device_(bytes_.size()),
        exponents_device_(exponents_.size()) {
    // Sizes differ from group to group, so that a scale of the wrong group shows.
    for (std::size_t i = 0; i < bf16_.size(); ++i) {
      const int token = static_cast<int>(i / static_cast<std::size_t>(row_)) % tokens;
      const float by = std::ldexp(1.0f, token / fp8::group_rows % 3 - 1);
      bf16_[i] = __float2bfloat16(__bfloat162float(bf16_[i]) * by);
    }
    quantize();
  }

  void change(int token, int dim, float value) {  // of the first head
    bf16_[static_cast<std::size_t>(token) * row_ + dim] = __float2bfloat16(value);
  }
  // Both sides anew; poison between what is written stays.
  void quantize() {
    CUDA_OK(cudaMemcpy(bf16_device_.get(), bf16_.data(), bf16_.size() * 2, cudaMemcpyHostToDevice));
    std::memset(static_cast<void*>(bytes_.data()), 0xFF, bytes_.size());
    bytes_device_.fill_bytes(0xFF);
    exponents_device_.fill_bytes(0x55);
    const kernels::quantize_params host{rows(false), batch_, heads_, tokens_, exponents_.data()};
    const kernels::quantize_params device{rows(true), batch_, heads_, tokens_,
                                          exponents_device_.get()};
    if (transposed_) {
      kernels::quantize_values_ref(host,
                                   {bytes_.data(), heads_ * 128 * pitch_, 128 * pitch_, pitch_});
      kernels::quantize_values(
          device, {bytes_device_.get(), heads_ * 128 * pitch_, 128 * pitch_, pitch_}, nullptr);
    } else {
      kernels::quantize_rows_ref(host, {bytes_.data(), tokens_ * row_, row_, 128});
      kernels::quantize_rows(device, {bytes_device_.get(), tokens_ * row_, row_, 128}, nullptr);
    }
    CUDA_OK(cudaDeviceSynchronize());
  }

  [[nodiscard]] bool same_on_both_sides() const {
    const auto bytes = bytes_device_.values();
    return std::memcmp(bytes.data(), bytes_.data(), bytes.size()) == 0 &&
           exponents_device_.values() == exponents_;
  }
  [[nodiscard]] kernels::attention_tensor<const __nv_bfloat16> rows(bool on_device) const {
    return {on_device ? bf16_device_.get() : bf16_.data(), tokens_ * row_, row_, 128};
  }
  [[nodiscard]] kernels::attention_tensor<const __nv_fp8_e4m3> e4m3(bool on_device) const {
    return {on_device ? bytes_device_.get() : bytes_.data(), tokens_ * row_, row_, 128};
  }
  [[nodiscard]] kernels::transposed_tensor<const __nv_fp8_e4m3> values(bool on_device) const {
    return {on_device ? bytes_device_.get() : bytes_.data(), heads_ * 128 * pitch_, 128 * pitch_,
            pitch_};
  }
  [[nodiscard]] const int* exponents(bool on_device) const {
    return on_device ? exponents_device_.get() : exponents_.data();
  }

 private:
  int batch_, heads_, tokens_;
  bool transposed_;
  std::int64_t row_, pitch_;
  std::vector<__nv_bfloat16> bf16_;
  device_buffer<__nv_bfloat16> bf16_device_;
  std::vector<__nv_fp8_e4m3> bytes_;
  std::vector<int> exponents_;
  device_buffer<__nv_fp8_e4m3> bytes_device_;
  device_buffer<int> exponents_device_;
};

class problem {
 public:
  problem(const shape& s, std::uint64_t seed)
      : q(s.batch, s.heads, s.tokens_q, false, seed),
        k(s.batch, s.heads_kv, s.tokens_kv, false, seed + 1),
        v(s.batch, s.heads_kv, s.tokens_kv, true, seed + 2),
        shape_(s),
        outputs_(static_cast<std::size_t>(s.batch) * s.tokens_q * o_token()),
        lses_(static_cast<std::size_t>(s.batch) * s.heads * s.tokens_q),
        valid_(std::vector<int>{s.valid_rows}),
        workspace_(kernels::attention_workspace_bytes()) {
    workspace_.fill_bytes(0);
  }

  [[nodiscard]] attention_fp8_params params(bool on_device) const {
    attention_fp8_params p;
    p.q = q.e4m3(on_device);
    p.k = k.e4m3(on_device);
    p.v = v.values(on_device);
    p.q_exponents = q.exponents(on_device);
    p.k_exponents = k.exponents(on_device);
    p.v_exponents = v.exponents(on_device);
    fill(p, on_device);
    return p;
  }
  // The same before quantization.
  [[nodiscard]] kernels::attention_params bf16_params(bool on_device) const {
    kernels::attention_params p;
    p.q = q.rows(on_device);
    p.k = k.rows(on_device);
    p.v = v.rows(on_device);
    fill(p, on_device);
    return p;
  }

  // Poisons the outputs with NaN, launches, and keeps what came out.
  template <class Launch>
  void run(const Launch& launch) {
    outputs_.fill_bytes(0xFF);
    lses_.fill_bytes(0xFF);
    launch();
    CUDA_OK(cudaDeviceSynchronize());
    o = outputs_.values();
    lse = lses_.values();
  }
  void run_fp8(bool with_workspace) {
    attention_fp8_params p = params(true);
    if (!with_workspace) p.workspace = nullptr;
    run([&] { kernels::attention_fp8(p, nullptr); });
  }

  [[nodiscard]] double o_at(int batch, int head, int query, int i) const {
    const std::int64_t at =
        (static_cast<std::int64_t>(batch) * shape_.tokens_q + query) * o_token() + head * 128 + i;
    return static_cast<double>(__bfloat162float(o[static_cast<std::size_t>(at)]));
  }
  [[nodiscard]] double lse_at(int batch, int head, int query) const {
    return static_cast<double>(
        lse[(static_cast<std::size_t>(batch) * shape_.heads + head) * shape_.tokens_q + query]);
  }
  [[nodiscard]] std::int64_t o_token() const { return (shape_.heads + 1) * 128; }

  quantized_tensor q, k, v;
  std::vector<__nv_bfloat16> o;
  std::vector<float> lse;

 private:
  template <class Params>
  void fill(Params& p, bool on_device) const {
    const shape& s = shape_;
    p.o = {outputs_.get(), o_token() * s.tokens_q, o_token(), 128};
    p.lse = lses_.get();
    p.batch = s.batch;
    p.heads = s.heads;
    p.heads_kv = s.heads_kv;
    p.tokens_q = s.tokens_q;
    p.tokens_kv = s.tokens_kv;
    p.scale = 1 / std::sqrt(128.0f);
    if (s.valid_rows >= 0) p.valid_rows = on_device ? valid_.get() : &shape_.valid_rows;
    p.workspace = workspace_.get();
  }

  shape shape_;
  device_buffer<__nv_bfloat16> outputs_;
  device_buffer<float> lses_;
  device_buffer<int> valid_;
  device_buffer<unsigned char> workspace_;
};

struct errors {
  double difference = 0, size = 0, lse = 0;  // of sums of squares; the largest
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
      const double should = expected.o[static_cast<std::size_t>(d)];
      const double is = data.o_at(batch, head, query, d);
      e.difference += (is - should) * (is - should);
      e.size += should * should;
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
// 5e-3 and lse by 3e-3. A wrong key, scale or column moves them by far more.
constexpr double most_against_reference = 2e-2, most_lse = 1e-2;
constexpr double most_against_fp64 = 0.15;

void check(const shape& s, std::uint64_t seed) {
  CAPTURE(words(s));
  problem data(s, seed);
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
  CHECK(tight.relative() <= most_against_reference);
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
  const errors split = errors_against(
      data, s, rows, [&](int b, int h, int i) { return kernels::attention_ref(before, b, h, i); });
  CHECK(split.relative() <= most_against_fp64);
  const auto o = data.o;
  const auto lse = data.lse;
  data.run_fp8(true);
  CHECK(std::memcmp(o.data(), data.o.data(), o.size() * 2) == 0);
  CHECK(std::memcmp(lse.data(), data.lse.data(), lse.size() * 4) == 0);
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
