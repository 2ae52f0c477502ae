#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "pipeline_reference/ops/cpu/cpu_backend.hpp"
#include "pipeline_reference/ops/transfer.hpp"
#include "tests/pipeline_reference/padded_matrix.hpp"

using longlive_tests::padded_matrix;

namespace {

struct cpu {
  ops::cpu::cpu_backend backend{2};
  ops::transformer_ops& ops = backend.transformer();
};

std::vector<float> normals(std::size_t count, std::uint32_t sequence) {
  std::vector<float> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(ops::random_normals(5, sequence, i)[1]);
  return out;
}

}  // namespace

TEST_CASE("patchify: puts the pixels of a 2 x 2 patch in channel, row, column order") {
  cpu c;
  const std::int64_t F = 2, C = 3, ph = 3, pw = 5;
  const std::vector<float> latent = normals(static_cast<std::size_t>(F * C * 4 * ph * pw), 1);
  padded_matrix rows(F * ph * pw, 4 * C);
  c.ops.patchify({{latent.data(), ops::dtype::f32, {F, C, 2 * ph, 2 * pw}}, rows.view()}, {}, {});
  const auto at = [&](std::int64_t f, std::int64_t ch, std::int64_t y, std::int64_t x) {
    return latent[static_cast<std::size_t>(((f * C + ch) * 2 * ph + y) * 2 * pw + x)];
  };
  CHECK(rows.distance([&](std::int64_t r, std::int64_t k) {
    const std::int64_t f = r / (ph * pw), i = r / pw % ph, j = r % pw;
    return at(f, k / 4, 2 * i + k / 2 % 2, 2 * j + k % 2);
  }) == 0);

  SUBCASE("unpatchify: reads features in row, column, channel order") {
    padded_matrix features = padded_matrix::random(F * ph * pw, 4 * C, 3);
    std::vector<float> out(latent.size(), NAN);
    c.ops.unpatchify({features.view(), {out.data(), ops::dtype::f32, {F, C, 2 * ph, 2 * pw}}}, {},
                     {});
    for (std::int64_t f = 0; f < F; ++f)
      for (std::int64_t ch = 0; ch < C; ++ch)
        for (std::int64_t y = 0; y < 2 * ph; ++y)
          for (std::int64_t x = 0; x < 2 * pw; ++x)
            REQUIRE(out[static_cast<std::size_t>(((f * C + ch) * 2 * ph + y) * 2 * pw + x)] ==
                    features((f * ph + y / 2) * pw + x / 2, (y % 2 * 2 + x % 2) * C + ch));
  }
}

TEST_CASE("timestep_embedding: cosines first, evaluated in double") {
  cpu c;
  const float timesteps[] = {1000.0F, 833.3333129882812F, 0.0F};
  padded_matrix out(3, 10);
  c.ops.timestep_embedding({{timesteps, ops::dtype::f32, {3}}, out.view()}, {}, {});
  CHECK(out.distance([&](std::int64_t r, std::int64_t col) {
    const double angle = double{timesteps[r]} * std::pow(10000.0, -double(col % 5) / 5);
    return static_cast<float>(col < 5 ? std::cos(angle) : std::sin(angle));
  }) < 1e-7);
}

TEST_CASE("activate: silu of each value, also in place") {
  cpu c;
  std::vector<float> x = normals(9001, 2), before = x;
  const ops::tensor view{x.data(), ops::dtype::f32, {9001}};
  c.ops.activate({view, view, ops::activation::silu}, {}, {});
  for (std::size_t i = 0; i < x.size(); ++i)
    REQUIRE(x[i] == doctest::Approx(before[i] / (1 + std::exp(-double{before[i]}))).epsilon(1e-6));
}

TEST_CASE("gated_activation: the activated gate times the value, also in place of either") {
  cpu c;
  for (const std::int64_t n : {1, 7, 1100})
    for (const int place : {0, 1, 2}) {  // elsewhere, over x, over the gate
      const std::int64_t m = 5;
      padded_matrix both = padded_matrix::random(m, 2 * n, 1, 2.0F), before = both, out(m, n);
      const ops::tensor gate = both.view().column_range(0, n), x = both.view().column_range(n, n);
      const ops::tensor to = place == 0 ? out.view() : place == 1 ? x : gate;
      c.ops.gated_activation({gate, x, to}, {}, {});
      const std::int64_t first = place == 1 ? n : 0;
      const auto expected = [&](std::int64_t r, std::int64_t col) {
        const double g = before(r, col);
        return before(r, n + col) * 0.5 * g *
               (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (g + 0.044715 * g * g * g)));
      };
      CAPTURE(n);
      CAPTURE(place);
      if (place == 0) CHECK(out.distance(expected) < 1e-5);
      CHECK(both.distance([&](std::int64_t r, std::int64_t col) {
        return place > 0 && col >= first && col < first + n ? expected(r, col - first)
                                                            : before(r, col);
      }) < 1e-5);
    }
}

TEST_CASE("relative_bias: entry (i, j) is that of the distance j - i") {
  cpu c;
  const std::int64_t heads = 3, most = 6;
  const std::vector<float> by_distance = normals(heads * (2 * most + 1), 4);
  for (const std::int64_t m : {std::int64_t{1}, std::int64_t{4}, most + 1}) {
    std::vector<float> out(static_cast<std::size_t>(heads * m * m), NAN);
    c.ops.relative_bias({{by_distance.data(), ops::dtype::f32, {heads, 2 * most + 1}},
                         {out.data(), ops::dtype::f32, {heads, m, m}}},
                        {}, {});
    for (std::int64_t h = 0; h < heads; ++h)
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < m; ++j)
          REQUIRE(out[static_cast<std::size_t>((h * m + i) * m + j)] ==
                  by_distance[static_cast<std::size_t>(h * (2 * most + 1) + most + j - i)]);
  }
}

TEST_CASE("broadcast_add: every group of the table meets every row") {
  cpu c;
  padded_matrix table = padded_matrix::random(3, 7, 1), rows = padded_matrix::random(2, 7, 2);
  std::vector<float> out(3 * 2 * 7, NAN);
  c.ops.broadcast_add({table.view(), rows.view(), {out.data(), ops::dtype::f32, {3, 2, 7}}}, {},
                      {});
  for (std::int64_t i = 0; i < 42; ++i)
    REQUIRE(out[static_cast<std::size_t>(i)] == table(i / 14, i % 7) + rows(i / 7 % 2, i % 7));
}

TEST_CASE("x0_renoise: the clean estimate, then noise at the next level, given or drawn") {
  cpu c;
  const std::size_t n = 9004;
  const std::vector<float> x_t = normals(n, 1), flow = normals(n, 2), eps = normals(n, 3);
  const ops::shape shape{1, 1, 2, 4502};
  const float sigma = 0.9375F, next = 0.8333333F;
  const auto clean = [&](std::size_t i) {
    return static_cast<float>(x_t[i] - double{sigma} * flow[i]);
  };
  std::vector<float> x0(n, NAN), x_next(n, NAN);
  ops::x0_renoise_params p;
  p.x_t = {x_t.data(), ops::dtype::f32, shape};
  p.flow = {flow.data(), ops::dtype::f32, shape};
  p.x0 = {x0.data(), ops::dtype::f32, shape};
  p.x_next = {x_next.data(), ops::dtype::f32, shape};
  p.sigma = sigma;
  p.sigma_next = next;

  SUBCASE("given noise") {
    p.eps = {eps.data(), ops::dtype::f32, shape};
    c.ops.x0_renoise(p, {}, {});
    for (std::size_t i = 0; i < n; ++i) {
      REQUIRE(x0[i] == clean(i));
      REQUIRE(x_next[i] ==
              doctest::Approx((1 - double{next}) * clean(i) + double{next} * eps[i]).epsilon(1e-6));
    }
  }
  SUBCASE("drawn noise: element e is number first + e of the sequence") {
    p.numbers = {42, 1, 36016};
    c.ops.x0_renoise(p, {}, {});
    for (std::size_t i = 0; i < n; ++i) {
      const float noise = ops::random_normals(42, 1, (36016 + i) / 4)[i % 4];
      REQUIRE(x_next[i] ==
              doctest::Approx((1 - double{next}) * clean(i) + double{next} * noise).epsilon(1e-6));
    }
  }
  SUBCASE("after the last step there is only the clean estimate, in place") {
    std::vector<float> x = x_t;
    p.x_t = p.x0 = {x.data(), ops::dtype::f32, shape};
    p.x_next = {};
    c.ops.x0_renoise(p, {}, {});
    for (std::size_t i = 0; i < n; ++i) REQUIRE(x[i] == clean(i));
  }
}

TEST_CASE("move_rows: overlapping moves keep every value, down and up, padded or not") {
  cpu c;
  for (const std::int64_t padding : {0, 3})
    for (const auto& [from, to] : {std::pair<std::int64_t, std::int64_t>{4, 1}, {1, 4}, {2, 2}}) {
      const padded_matrix before = padded_matrix::random(12, 5, 1, 1.0F, padding);
      padded_matrix rows = before;
      c.ops.move_rows({rows.view(), from, to, 7}, {}, {});
      CHECK(rows.distance([&, from = from, to = to](std::int64_t r, std::int64_t col) {
        return r >= to && r < to + 7 ? before(r - to + from, col) : before(r, col);
      }) == 0);
    }
}

TEST_CASE("block_mask: a query sees the window that ends with its block, padding itself") {
  cpu c;
  std::vector<std::uint8_t> mask(8 * 8, 7);
  c.ops.block_mask({{mask.data(), ops::dtype::u8, {8, 8}}, 6, 2, 4}, {}, {});
  const std::vector<std::uint8_t> expected = {1, 1, 0, 0, 0, 0, 0, 0,  //
                                              1, 1, 0, 0, 0, 0, 0, 0,  //
                                              1, 1, 1, 1, 0, 0, 0, 0,  //
                                              1, 1, 1, 1, 0, 0, 0, 0,  //
                                              0, 0, 1, 1, 1, 1, 0, 0,  //
                                              0, 0, 1, 1, 1, 1, 0, 0,  //
                                              0, 0, 0, 0, 0, 0, 1, 0,  //
                                              0, 0, 0, 0, 0, 0, 0, 1};
  CHECK(mask == expected);
}

TEST_CASE("transfer: bf16 rounds to nearest even and comes back exactly") {
  ops::cpu::cpu_memory memory;
  const std::vector<float> values = {1.0F, 1.00390625F, 1.01171875F, -3.0e38F, 0.0F, INFINITY, NAN};
  const ops::buffer buffer(memory, ops::dtype::bf16, {7});
  ops::upload_floats(memory, buffer.view(), values);
  std::vector<float> back(7);
  ops::download_floats(memory, buffer.view(), back);
  CHECK(back[0] == 1.0F);
  CHECK(back[1] == 1.0F);  // halfway: to the even neighbour
  CHECK(back[2] == 1.015625F);
  CHECK(back[3] == doctest::Approx(values[3]).epsilon(1.0 / 256));
  CHECK(back[5] == INFINITY);
  CHECK(std::isnan(back[6]));
  CHECK_THROWS_WITH(ops::upload_floats(memory, buffer.view(), std::vector<float>(6)),
                    "transfer: 6 values for a tensor [7]");
}
