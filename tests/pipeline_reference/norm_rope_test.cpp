#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "pipeline_reference/longlive/rope.hpp"
#include "pipeline_reference/ops/cpu/cpu_backend.hpp"
#include "tests/pipeline_reference/padded_matrix.hpp"

using longlive_tests::padded_matrix;

namespace {

struct cpu {
  ops::cpu::cpu_backend backend{2};
  ops::buffer workspace{
      backend.memory(), ops::dtype::u8, {backend.transformer().workspace_bytes()}};
  ops::transformer_ops& ops = backend.transformer();
  ops::workspace w = workspace.as_workspace();
};

constexpr double eps = 1e-6F;

// (x - mean) / sqrt(variance + eps) of value (r, c), in double.
template <class Value>
double layer_norm(const Value& x, std::int64_t r, std::int64_t c, std::int64_t n) {
  double mean = 0, variance = 0;
  for (std::int64_t i = 0; i < n; ++i) mean += x(r, i) / static_cast<double>(n);
  for (std::int64_t i = 0; i < n; ++i)
    variance += (x(r, i) - mean) * (x(r, i) - mean) / static_cast<double>(n);
  return (x(r, c) - mean) / std::sqrt(variance + eps);
}

double rms(const padded_matrix& x, std::int64_t r, std::int64_t first, std::int64_t n) {
  double squares = 0;
  for (std::int64_t i = 0; i < n; ++i) squares += double{x(r, first + i)} * x(r, first + i);
  return std::sqrt(squares / static_cast<double>(n) + eps);
}

constexpr std::int64_t shapes[][2] = {{1, 1}, {5, 7}, {66, 33}, {100, 260}};

}  // namespace

TEST_CASE("layer_norm_modulate: shifts and scales by the row's latent frame") {
  cpu c;
  for (const auto& [m, n] : shapes) {
    const std::int64_t rows_per_latent_frame = (m + 1) / 2;
    padded_matrix x = padded_matrix::random(m, n, 1, 5.0F), shift = padded_matrix::random(2, n, 2),
                  scale = padded_matrix::random(2, n, 3), out(m, n);
    ops::norm_output norm;
    norm.shift = shift.view();
    norm.scale = scale.view();
    norm.rows_per_latent_frame = rows_per_latent_frame;
    c.ops.layer_norm_modulate({x.view(), out.view(), norm}, {}, c.w);
    CHECK(out.distance([&, n = n](std::int64_t r, std::int64_t col) {
      const std::int64_t f = r / rows_per_latent_frame;
      return layer_norm(x, r, col, n) * (1.0 + scale(f, col)) + shift(f, col);
    }) < 2e-6);
  }
}

TEST_CASE("layer_norm_modulate: a large mean costs no precision") {
  cpu c;
  padded_matrix x = padded_matrix::random(3, 64, 1), out(3, 64);
  for (std::int64_t r = 0; r < 3; ++r)
    for (std::int64_t i = 0; i < 64; ++i) x(r, i) += 1000.0F;
  c.ops.layer_norm_modulate({x.view(), out.view(), {}}, {}, c.w);
  CHECK(out.distance([&](std::int64_t r, std::int64_t col) { return layer_norm(x, r, col, 64); }) <
        2e-4);
}

TEST_CASE("residual_gate_norm_modulate: updates x, then normalises it, modulated or affine") {
  cpu c;
  for (const auto& [m, n] : shapes)
    for (const bool gated : {false, true})
      for (const bool affine : {false, true}) {
        const std::int64_t rows_per_latent_frame = (m + 2) / 3;
        const padded_matrix before = padded_matrix::random(m, n, 1);
        padded_matrix x = before, y = padded_matrix::random(m, n, 2),
                      gate = padded_matrix::random(3, n, 3), a = padded_matrix::random(3, n, 4),
                      b = padded_matrix::random(3, n, 5), out(m, n);
        ops::residual_gate_norm_modulate_params p{x.view(), y.view(), {}, out.view(), {}};
        if (gated) p.gate = gate.view();
        p.norm.rows_per_latent_frame = rows_per_latent_frame;
        if (affine) {
          p.norm.weight = a.row();
          p.norm.bias = b.row();
        } else {
          p.norm.scale = a.view();
          p.norm.shift = b.view();
        }
        c.ops.residual_gate_norm_modulate(p, {}, c.w);
        const auto sum = [&](std::int64_t r, std::int64_t col) {
          return before(r, col) +
                 double{y(r, col)} * (gated ? gate(r / rows_per_latent_frame, col) : 1.0F);
        };
        CHECK(x.distance(sum) < 1e-6);
        CHECK(out.distance([&, n = n](std::int64_t r, std::int64_t col) {
          const std::int64_t f = affine ? 0 : r / rows_per_latent_frame;
          return layer_norm(sum, r, col, n) * (affine ? a(f, col) : 1.0 + a(f, col)) + b(f, col);
        }) < 5e-6);
      }
}

TEST_CASE("rms_norm: divides by the root of the mean square, also in place") {
  cpu c;
  for (const auto& [m, n] : shapes)
    for (const bool in_place : {false, true}) {
      const padded_matrix before = padded_matrix::random(m, n, 1, 4.0F);
      padded_matrix x = before, weight = padded_matrix::random(1, n, 2), out(m, n);
      padded_matrix& result = in_place ? x : out;
      c.ops.rms_norm({x.view(), weight.row(), result.view(), 1e-6F}, {}, c.w);
      CHECK(result.distance([&, n = n](std::int64_t r, std::int64_t col) {
        return before(r, col) / rms(before, r, 0, n) * weight(0, col);
      }) < 2e-6);
    }
}

TEST_CASE(
    "qk_norm_rope_cache_write: rotates by absolute position and writes only the rows asked for") {
  cpu c;
  struct sizes {
    std::int64_t heads, head_dim, patch_rows, patch_columns;
  };
  for (const auto& [heads, head_dim, patch_rows, patch_columns] :
       {sizes{1, 2, 1, 1}, {2, 10, 3, 5}, {3, 32, 2, 7}}) {
    const std::int64_t dim = heads * head_dim, per_latent_frame = patch_rows * patch_columns;
    const longlive::rope_pairs pairs = longlive::split_rope_pairs(head_dim);
    const auto time = longlive::rope_table(20, pairs.time),
               height = longlive::rope_table(patch_rows, pairs.height),
               width = longlive::rope_table(patch_columns, pairs.width);
    padded_matrix qkv = padded_matrix::random(3 * per_latent_frame, 3 * dim, 1, 2.0F),
                  gain_q = padded_matrix::random(1, dim, 2),
                  gain_k = padded_matrix::random(1, dim, 3), q(3 * per_latent_frame, dim),
                  k(4 * per_latent_frame, dim), v(4 * per_latent_frame, dim);
    const std::vector<std::int32_t> times = {11, 4, 13};
    const std::vector<std::int32_t> cache_rows = {static_cast<std::int32_t>(3 * per_latent_frame),
                                                  -1, 0};
    ops::qk_norm_rope_cache_write_params p;
    p.qkv = qkv.view();
    p.q_weight = gain_q.row();
    p.k_weight = gain_k.row();
    p.rope.time = {time.data(), ops::dtype::f32, {20, pairs.time, 2}};
    p.rope.height = {height.data(), ops::dtype::f32, {patch_rows, pairs.height, 2}};
    p.rope.width = {width.data(), ops::dtype::f32, {patch_columns, pairs.width, 2}};
    p.time_positions = {times.data(), ops::dtype::i32, {3}};
    p.cache_rows = {cache_rows.data(), ops::dtype::i32, {3}};
    p.q_out = q.view();
    p.k_cache = k.view();
    p.v_cache = v.view();
    p.heads = heads;
    p.rows_per_latent_frame = per_latent_frame;
    c.ops.qk_norm_rope_cache_write(p, {}, c.w);

    // Element `col` of the rotated vector that begins at column `first` of token r, in double.
    const auto rotated = [&, head_dim = head_dim, patch_columns = patch_columns](
                             std::int64_t r, std::int64_t col, std::int64_t first,
                             const padded_matrix& gain) {
      const std::int64_t pair = col % head_dim / 2, place = r % per_latent_frame;
      const std::int64_t t = pairs.time, h = pairs.height;
      const double angle =
          pair < t ? double(times[std::size_t(r / per_latent_frame)]) *
                         std::pow(10000.0, -double(pair) / double(t))
          : pair < t + h
              ? double(place / patch_columns) * std::pow(10000.0, -double(pair - t) / double(h))
              : double(place % patch_columns) *
                    std::pow(10000.0, -double(pair - t - h) / double(pairs.width));
      const double scale = rms(qkv, r, first, dim);
      const std::int64_t even_column = col / 2 * 2;
      const double even = qkv(r, first + even_column) / scale * gain(0, even_column);
      const double odd = qkv(r, first + even_column + 1) / scale * gain(0, even_column + 1);
      return col % 2 == 0 ? even * std::cos(angle) - odd * std::sin(angle)
                          : even * std::sin(angle) + odd * std::cos(angle);
    };
    CHECK(q.distance([&](std::int64_t r, std::int64_t col) { return rotated(r, col, 0, gain_q); }) <
          3e-6);
    for (const auto& [latent_frame, slot] : {std::pair<std::int64_t, std::int64_t>{0, 3}, {2, 0}})
      for (std::int64_t i = 0; i < per_latent_frame; ++i)
        for (std::int64_t col = 0; col < dim; ++col) {
          const std::int64_t token = latent_frame * per_latent_frame + i,
                             row = slot * per_latent_frame + i;
          REQUIRE(k(row, col) == doctest::Approx(rotated(token, col, dim, gain_k)).epsilon(1e-5));
          REQUIRE(v(row, col) == qkv(token, 2 * dim + col));
        }
    CHECK(k.untouched(per_latent_frame, 3 * per_latent_frame));
    CHECK(v.untouched(per_latent_frame, 3 * per_latent_frame));
  }
}

TEST_CASE("rope: the published frequencies and split of a head of 128") {
  const longlive::rope_pairs pairs = longlive::split_rope_pairs(128);
  CHECK(pairs.time == 22);
  CHECK(pairs.height == 21);
  CHECK(pairs.width == 21);
  CHECK(longlive::rope_inverse_frequency(0, 22) == 1.0);
  CHECK(longlive::rope_inverse_frequency(1, 22) == doctest::Approx(0.6579332).epsilon(1e-7));
  CHECK(longlive::rope_inverse_frequency(2, 22) == doctest::Approx(0.4328761).epsilon(1e-7));
  CHECK(longlive::rope_inverse_frequency(3, 22) == doctest::Approx(0.2848036).epsilon(1e-7));
  CHECK(longlive::rope_inverse_frequency(21, 22) == doctest::Approx(1.519911e-4).epsilon(1e-6));
  CHECK(longlive::rope_inverse_frequency(1, 21) == doctest::Approx(0.6449467).epsilon(1e-7));
  CHECK(longlive::rope_inverse_frequency(20, 21) == doctest::Approx(1.550516e-4).epsilon(1e-6));
  const std::vector<float> table = longlive::rope_table(1024, 22);
  CHECK(table[(1023 * 22 + 1) * 2] ==
        static_cast<float>(std::cos(1023 * std::pow(10000.0, -1.0 / 22))));
}
