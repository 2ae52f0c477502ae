#include "kernels/layer_norm/layer_norm.hpp"

#include "kernels/layer_norm/layer_norm_ref.hpp"
#include "tests/kernels/device_rows.hpp"

using namespace kernels_test;
using kernels::layer_norm_params;

namespace {

struct layout {
  std::int64_t rows;
  int columns;
  std::int64_t rows_per_latent_frame = 0;
  bool residual = false, gate = false, modulated = false, affine = false, norm = true;
};

void check_against_fp64(const layout& s) {
  CAPTURE(s.rows);
  CAPTURE(s.columns);
  random_numbers random(fresh_seed());
  const std::int64_t frames =
      s.rows_per_latent_frame > 0 ? (s.rows - 1) / s.rows_per_latent_frame + 1 : 1;
  device_rows x(s.rows, s.columns, random), y(s.rows, s.columns, random);
  const device_rows gate(frames, s.columns, random), scale(frames, s.columns, random),
      shift(frames, s.columns, random), affine(2, s.columns, random);
  for (std::size_t i = 0; i < x.host.size(); i += 3)  // a mean that is not near zero
    x.host[i] = __float2bfloat16(__bfloat162float(x.host[i]) + 20);
  device_rows changed(s.rows, s.columns, x.host);
  device_rows out(s.rows, s.columns);

  const auto params = [&](bool device) {
    const auto input = [&](const device_rows& rows) {
      return device ? rows.on_device<const __nv_bfloat16>() : rows.on_host<const __nv_bfloat16>();
    };
    layer_norm_params p;
    p.x = device ? changed.on_device<__nv_bfloat16>() : x.on_host<__nv_bfloat16>();
    if (s.residual) p.y = input(y);
    if (s.gate) p.gate = input(gate);
    if (s.modulated) p.scale = input(scale);
    if (s.modulated) p.shift = input(shift);
    if (s.affine) p.weight = input(affine).data;
    if (s.affine) p.bias = input(affine).data + input(affine).stride;
    if (s.norm) p.out = out.on_device<__nv_bfloat16>();
    p.rows = s.rows;
    p.columns = s.columns;
    p.rows_per_latent_frame = s.rows_per_latent_frame;
    return p;
  };
  kernels::layer_norm(params(true), nullptr);
  CUDA_OK(cudaDeviceSynchronize());
  changed.download();
  out.download();

  error_sum of_x, of_out;
  for (std::int64_t row = 0; row<s.rows; row += s.rows> 600 ? 61 : 1) {
    const kernels::layer_norm_row expected = kernels::layer_norm_ref(params(false), row);
    for (int c = 0; c < s.columns; ++c) {
      of_x.add(changed.at(row, c), expected.x[static_cast<std::size_t>(c)]);
      if (s.norm) of_out.add(out.at(row, c), expected.out[static_cast<std::size_t>(c)]);
    }
  }
  CHECK(of_x.relative_l2() < (s.residual ? rounding_error : 1e-12));
  if (s.norm) CHECK(of_out.relative_l2() < rounding_error);
  CHECK(out.padding_is_nan());
}

}  // namespace

TEST_CASE("layer_norm: modulated by latent frame, at ragged sizes") {
  for (const std::int64_t rows : {1, 3, 97, 4680})
    for (const int columns : {8, 64, 248, 1536, 5120})
      check_against_fp64({rows, columns, (rows + 2) / 3, false, false, true});
}

TEST_CASE("layer_norm: with a residual, a gate, an affine norm, or no norm at all") {
  for (const bool gate : {false, true})
    for (const int columns : {128, 1536, 8192}) {
      check_against_fp64({101, columns, 34, true, gate, true});
      check_against_fp64({101, columns, 34, true, gate, false, true});
      check_against_fp64({101, columns, 0, true, gate});
      check_against_fp64({101, columns, 34, true, gate, false, false, false});
    }
}

TEST_CASE("layer_norm: the output may take the residual's place") {
  random_numbers random(fresh_seed());
  device_rows x(40, 1536, random), y(40, 1536, random);
  layer_norm_params p;
  p.rows = 40;
  p.columns = 1536;
  p.x = x.on_host<__nv_bfloat16>();
  p.y = y.on_host<const __nv_bfloat16>();
  const kernels::layer_norm_row expected = kernels::layer_norm_ref(p, 39);
  p.x = x.on_device<__nv_bfloat16>();
  p.y = y.on_device<const __nv_bfloat16>();
  p.out = y.on_device<__nv_bfloat16>();
  kernels::layer_norm(p, nullptr);
  CUDA_OK(cudaDeviceSynchronize());
  y.download();
  error_sum error;
  for (int c = 0; c < 1536; ++c) error.add(y.at(39, c), expected.out[static_cast<std::size_t>(c)]);
  CHECK(error.relative_l2() < rounding_error);
}

TEST_CASE("layer_norm: says what it does not take") {
  layer_norm_params p;
  p.columns = 12;
  CHECK_THROWS_WITH(kernels::layer_norm(p, nullptr),
                    "layer_norm: columns is 12, expected a multiple of 8");
  p.columns = 8200;
  CHECK_THROWS_WITH(kernels::layer_norm(p, nullptr), "layer_norm: 8200 columns, at most 8192");
}
