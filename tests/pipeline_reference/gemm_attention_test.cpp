#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "pipeline_reference/ops/bf16.hpp"
#include "pipeline_reference/ops/cpu/cpu_backend.hpp"
#include "tests/pipeline_reference/padded_matrix.hpp"

using longlive_tests::padded_matrix;

namespace {

struct cpu {
  ops::cpu::cpu_backend backend{3};  // more threads than tasks at some sizes, fewer at others
  ops::buffer workspace{
      backend.memory(), ops::dtype::u8, {backend.transformer().workspace_bytes()}};
  ops::transformer_ops& ops = backend.transformer();
  ops::workspace w = workspace.as_workspace();
};

double activated(ops::activation function, double x) {
  if (function == ops::activation::gelu_tanh)
    return 0.5 * x *
           (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
  if (function == ops::activation::silu) return x / (1 + std::exp(-x));
  return x;
}

double product(const padded_matrix& x, const padded_matrix& weight, std::int64_t r,
               std::int64_t c) {
  double sum = 0;
  for (std::int64_t k = 0; k < x.columns(); ++k) sum += double{x(r, k)} * weight(c, k);
  return sum;
}

// The weight of a gemm as the back end gets it: in fp32, or in bf16 with NaN between the rows.
class weight_operand {
 public:
  weight_operand(padded_matrix& values, ops::dtype type) : view_(values.view()) {
    if (type == ops::dtype::f32) return;
    const std::int64_t stride = view_.row_stride;
    narrow_.assign(static_cast<std::size_t>(values.rows() * stride), 0x7fc0);
    for (std::int64_t r = 0; r < values.rows(); ++r)
      for (std::int64_t c = 0; c < values.columns(); ++c) {
        const std::uint16_t bits = ops::to_bf16(values(r, c));
        narrow_[static_cast<std::size_t>(r * stride + c)] = bits;
        values(r, c) = ops::from_bf16(bits);
      }
    view_ = {narrow_.data(), type, {values.rows(), values.columns()}, stride};
  }
  [[nodiscard]] ops::const_tensor view() const { return view_; }

 private:
  std::vector<std::uint16_t> narrow_;
  ops::tensor view_;
};

// [n, k], so that a row of the product is about as large as a row of x: the error of an fp32 sum
// is then a multiple of its rounding unit, whatever k and the order in which the machine adds.
padded_matrix random_weight(std::int64_t n, std::int64_t k) {
  return padded_matrix::random(n, k, 2, 1 / std::sqrt(static_cast<float>(k)));
}

struct sizes {
  std::int64_t m, n, k;
};
constexpr sizes ragged[] = {{1, 1, 1},      {3, 7, 5},      {1, 96, 33},  {67, 130, 65},
                            {180, 48, 100}, {37, 1100, 12}, {5, 70, 2100}};
constexpr ops::dtype weight_types[] = {ops::dtype::f32, ops::dtype::bf16};

}  // namespace

TEST_CASE("gemm: equals the double product at ragged sizes, with every activation") {
  cpu c;
  for (const auto& [m, n, k] : ragged)
    for (const ops::dtype type : weight_types)
      for (const auto function :
           {ops::activation::none, ops::activation::gelu_tanh, ops::activation::silu}) {
        padded_matrix x = padded_matrix::random(m, k, 1), weight = random_weight(n, k),
                      bias = padded_matrix::random(1, n, 3), out(m, n);
        const weight_operand operand(weight, type);
        ops::gemm_params p;
        p.x = x.view();
        p.weight = operand.view();
        p.bias = bias.row();
        p.out = out.view();
        p.epilogue = function;
        c.ops.gemm(p, {}, c.w);
        const std::int64_t rows = m, columns = n;  // clang 14 captures no structured binding
        CAPTURE(rows);
        CAPTURE(columns);
        CAPTURE(std::string(ops::name_of(type)));
        CHECK(out.distance([&](std::int64_t r, std::int64_t col) {
          return activated(function, product(x, weight, r, col) + bias(0, col));
        }) < 1e-5);
      }
}

TEST_CASE("gemm: adds a residual, scaled by the gate of the row's latent frame") {
  cpu c;
  for (const auto& [m, n, k] : ragged)
    for (const bool gated : {false, true})
      for (const bool in_place : {false, true}) {
        const std::int64_t rows_per_latent_frame = (m + 2) / 3;
        const ops::dtype type = weight_types[gated != in_place];
        padded_matrix x = padded_matrix::random(m, k, 1), weight = random_weight(n, k),
                      bias = padded_matrix::random(1, n, 3),
                      residual = padded_matrix::random(m, n, 4),
                      gate = padded_matrix::random(3, n, 5), out(m, n);
        padded_matrix result = in_place ? residual : out;
        const weight_operand operand(weight, type);
        ops::gemm_params p;
        p.x = x.view();
        p.weight = operand.view();
        p.bias = bias.row();
        p.out = result.view();
        p.residual = in_place ? result.view() : residual.view();
        if (gated) p.gate = gate.view();
        p.rows_per_latent_frame = rows_per_latent_frame;
        c.ops.gemm(p, {}, c.w);
        CHECK(result.distance([&](std::int64_t r, std::int64_t col) {
          const double y = product(x, weight, r, col) + bias(0, col);
          return residual(r, col) + (gated ? gate(r / rows_per_latent_frame, col) : 1.0F) * y;
        }) < 1e-5);
      }
}

namespace {

struct attention_case {
  std::int64_t queries, rows, heads, head_dim;
  ops::row_range first, second;
  int bias;  // 0 none, 1 per key, 2 per query and key
};
constexpr attention_case attention_cases[] = {
    {1, 1, 1, 2, {0, 1}, {}, 0},
    {65, 300, 2, 24, {0, 300}, {}, 0},
    {130, 700, 3, 40, {0, 100}, {257, 700}, 0},  // two ranges with a gap
    {70, 520, 2, 128, {3, 260}, {300, 301}, 1},
    {66, 310, 2, 16, {0, 0}, {5, 310}, 2},
};

// softmax(q k^T scale + bias) v of one query and head, in double.
std::vector<double> attend(const attention_case& s, const padded_matrix& q, const padded_matrix& k,
                           const padded_matrix& v, const std::vector<float>& bias, float scale,
                           std::int64_t query, std::int64_t head) {
  std::vector<double> weights;
  double highest = -1e300, total = 0;
  const std::int64_t attended = s.first.count() + s.second.count();
  const auto each_key = [&](const auto& body) {
    std::int64_t index = 0;
    for (const ops::row_range& range : {s.first, s.second})
      for (std::int64_t row = range.begin; row < range.end; ++row) body(row, index++);
  };
  each_key([&](std::int64_t row, std::int64_t index) {
    double score = 0;
    for (std::int64_t d = 0; d < s.head_dim; ++d)
      score += double{q(query, head * s.head_dim + d)} * k(row, head * s.head_dim + d);
    score *= scale;
    if (s.bias > 0)
      score += bias[static_cast<std::size_t>(
          (s.bias == 2 ? head * s.queries + query : head) * attended + index)];
    weights.push_back(score);
    highest = std::max(highest, score);
  });
  for (double& w : weights) total += w = std::exp(w - highest);
  std::vector<double> out(static_cast<std::size_t>(s.head_dim));
  each_key([&](std::int64_t row, std::int64_t index) {
    for (std::int64_t d = 0; d < s.head_dim; ++d)
      out[static_cast<std::size_t>(d)] +=
          weights[static_cast<std::size_t>(index)] / total * v(row, head * s.head_dim + d);
  });
  return out;
}

}  // namespace

TEST_CASE("attention: equals the double softmax over both row ranges, rows outside unread") {
  cpu c;
  for (const attention_case& s : attention_cases)
    for (const bool in_place : {false, true}) {
      const std::int64_t dim = s.heads * s.head_dim, attended = s.first.count() + s.second.count();
      padded_matrix q = padded_matrix::random(s.queries, dim, 1, 3.0F),
                    k = padded_matrix::random(s.rows, dim, 2),
                    v = padded_matrix::random(s.rows, dim, 3), out(s.queries, dim);
      for (std::int64_t row = 0; row < s.rows; ++row)  // what may not be read is not a number
        if (!(row >= s.first.begin && row < s.first.end) &&
            !(row >= s.second.begin && row < s.second.end))
          k(row, 0) = v(row, 0) = std::numeric_limits<float>::quiet_NaN();
      std::vector<float> bias;
      for (std::int64_t i = 0; s.bias > 0 && i < s.heads * (s.bias == 2 ? s.queries : 1) * attended;
           ++i)
        bias.push_back(i % 7 == 3 ? -std::numeric_limits<float>::infinity()
                                  : ops::random_normals(9, 0, static_cast<std::uint64_t>(i))[0]);
      padded_matrix result = in_place ? q : out;
      ops::attention_params p;
      p.q = in_place ? result.view() : q.view();
      p.k = k.view();
      p.v = v.view();
      p.keys[0] = s.first;
      p.keys[1] = s.second;
      if (s.bias > 0)
        p.bias = {bias.data(), ops::dtype::f32, {s.heads, s.bias == 2 ? s.queries : 1, attended}};
      p.out = result.view();
      p.heads = s.heads;
      p.scale = 1.0F / std::sqrt(static_cast<float>(s.head_dim));
      c.ops.attention(p, {}, c.w);
      std::vector<double> expected;
      for (std::int64_t query = 0; query < s.queries; ++query)
        for (std::int64_t head = 0; head < s.heads; ++head)
          for (const double x : attend(s, q, k, v, bias, p.scale, query, head))
            expected.push_back(x);
      CAPTURE(s.queries);
      CHECK(result.distance([&](std::int64_t r, std::int64_t col) {
        return expected[static_cast<std::size_t>(r * dim + col)];
      }) < 2e-5);  // exp() makes the rounding of a logit larger, by the size of the logit
    }
}

TEST_CASE("attention: a whole tile of masked keys leaves the others' result") {
  cpu c;
  padded_matrix q = padded_matrix::random(2, 4, 1), k = padded_matrix::random(300, 4, 2),
                v = padded_matrix::random(300, 4, 3), out(2, 4);
  std::vector<float> bias(300, -std::numeric_limits<float>::infinity());
  bias[299] = 0.0F;
  ops::attention_params p;
  p.q = q.view();
  p.k = k.view();
  p.v = v.view();
  p.keys[0] = {0, 300};
  p.bias = {bias.data(), ops::dtype::f32, {1, 1, 300}};
  p.out = out.view();
  p.heads = 1;
  c.ops.attention(p, {}, c.w);
  CHECK(out.distance([&](std::int64_t, std::int64_t col) { return v(299, col); }) < 1e-6);
}

TEST_CASE("attention: samples of one call are calls of their own") {
  cpu c;
  const std::int64_t samples = 3, m = 70, rows = 9, heads = 2, head_dim = 6;
  padded_matrix q = padded_matrix::random(samples * m, heads * head_dim, 1),
                k = padded_matrix::random(samples * rows, heads * head_dim, 2),
                v = padded_matrix::random(samples * rows, heads * head_dim, 3),
                together(samples * m, heads * head_dim), alone(samples * m, heads * head_dim);
  ops::attention_params p;
  p.q = q.view();
  p.k = k.view();
  p.v = v.view();
  p.keys[0] = {0, 2};
  p.keys[1] = {4, 9};
  p.out = together.view();
  p.heads = heads;
  p.last_key_count = 5;
  p.samples = samples;
  c.ops.attention(p, {}, c.w);
  p.samples = 1;
  for (std::int64_t i = 0; i < samples; ++i) {
    p.q = q.view().row_range(i * m, m);
    p.k = k.view().row_range(i * rows, rows);
    p.v = v.view().row_range(i * rows, rows);
    p.out = alone.view().row_range(i * m, m);
    c.ops.attention(p, {}, c.w);
  }
  CHECK(together.distance([&](std::int64_t r, std::int64_t col) { return alone(r, col); }) == 0);
}

TEST_CASE("attention: a last key that counts n times is n such keys") {
  cpu c;
  constexpr std::int64_t heads = 2, dim = 2 * 5;
  for (const std::int64_t keys : {1, 4, 256, 300})  // 256 are a tile
    for (const std::int64_t count : {1, 2, 211}) {
      padded_matrix q = padded_matrix::random(70, dim, 1), k = padded_matrix::random(511, dim, 2),
                    v = padded_matrix::random(511, dim, 3), many(70, dim), merged(70, dim);
      for (std::int64_t r = keys; r < keys - 1 + count; ++r)
        for (std::int64_t col = 0; col < dim; ++col) {
          k(r, col) = k(keys - 1, col);
          v(r, col) = v(keys - 1, col);
        }
      ops::attention_params p;
      p.q = q.view();
      p.k = k.view();
      p.v = v.view();
      p.keys[0] = {0, keys - 1 + count};
      p.out = many.view();
      p.heads = heads;
      p.scale = 0.6F;
      c.ops.attention(p, {}, c.w);
      p.keys[0] = {0, keys};
      p.out = merged.view();
      p.last_key_count = count;
      c.ops.attention(p, {}, c.w);
      CHECK(merged.distance([&](std::int64_t r, std::int64_t col) { return many(r, col); }) < 2e-6);
      // In two ranges the last row of the second is the last key.
      p.keys[0] = {0, keys / 2};
      p.keys[1] = {keys / 2, keys};
      c.ops.attention(p, {}, c.w);
      CHECK(merged.distance([&](std::int64_t r, std::int64_t col) { return many(r, col); }) < 2e-6);
    }
}

TEST_CASE("attention and gemm: a workspace that is too small, or another dtype, is refused") {
  cpu c;
  padded_matrix a = padded_matrix::random(2, 4, 1), weight = padded_matrix::random(4, 4, 2);
  padded_matrix out(2, 4);
  ops::attention_params p;
  p.q = p.k = p.v = a.view();
  p.keys[0] = {0, 2};
  p.out = out.view();
  p.heads = 1;
  ops::gemm_params g;
  g.x = a.view();
  g.weight = weight.view();
  g.x.type = ops::dtype::bf16;
  g.out = out.view();
  CHECK_THROWS_WITH(c.ops.gemm(g, {}, c.w), "cpu back end: expected f32, got bf16");
  p.heads = 1;
  p.q.shape.size[1] = 1025;
  CHECK_THROWS_WITH(c.ops.attention(p, {}, c.w),
                    "cpu back end: attention heads are at most 1024 wide");
}
