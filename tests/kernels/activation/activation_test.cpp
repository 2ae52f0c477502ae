#include "kernels/activation/activation.hpp"

#include "kernels/activation/activation_ref.hpp"
#include "tests/kernels/device_rows.hpp"

using namespace kernels_test;
using kernels::activation_function;

TEST_CASE("activation: every function, with and without bias and multiplier, at ragged sizes") {
  for (const activation_function function :
       {activation_function::none, activation_function::gelu_tanh, activation_function::silu})
    for (const bool biased : {false, true})
      for (const bool multiplied : {false, true})
        for (const std::int64_t rows : {1, 7, 129})
          for (const int columns : {8, 72, 1536}) {
            CAPTURE(static_cast<int>(function));
            CAPTURE(rows);
            CAPTURE(columns);
            random_numbers random(fresh_seed());
            device_rows x(rows, columns, random), out(rows, columns);
            const device_rows bias(1, columns, random), multiplier(rows, columns, random);
            const auto params = [&](bool device) {
              const auto input = [&](const device_rows& of) {
                return device ? of.on_device<const __nv_bfloat16>()
                              : of.on_host<const __nv_bfloat16>();
              };
              kernels::activation_params p;
              p.x = input(x);
              if (biased) p.bias = input(bias).data;
              if (multiplied) p.multiplier = input(multiplier);
              p.out = out.on_device<__nv_bfloat16>();
              p.function = function;
              p.rows = rows;
              p.columns = columns;
              return p;
            };
            kernels::activation(params(true), nullptr);
            CUDA_OK(cudaDeviceSynchronize());
            out.download();
            error_sum error;
            for (std::int64_t row = 0; row < rows; ++row)
              for (int c = 0; c < columns; ++c)
                error.add(out.at(row, c), kernels::activation_ref(params(false), row, c));
            CHECK(error.relative_l2() < rounding_error);
            CHECK(out.padding_is_nan());
          }
}

TEST_CASE("activation: large arguments neither overflow nor turn into NaN") {
  const std::vector<__nv_bfloat16> values = [] {
    std::vector<__nv_bfloat16> v(8 + device_rows::padding, __float2bfloat16(0));
    v[0] = __float2bfloat16(1e4F);
    v[1] = __float2bfloat16(-1e4F);
    return v;
  }();
  for (const auto function : {activation_function::gelu_tanh, activation_function::silu}) {
    device_rows x(1, 8, values);
    kernels::activation_params p;
    p.x = x.on_device<const __nv_bfloat16>();
    p.out = x.on_device<__nv_bfloat16>();
    p.function = function;
    p.rows = 1;
    p.columns = 8;
    kernels::activation(p, nullptr);
    CUDA_OK(cudaDeviceSynchronize());
    x.download();
    CHECK(x.at(0, 0) == static_cast<double>(__bfloat162float(__float2bfloat16(1e4F))));
    CHECK(x.at(0, 1) == 0);
  }
}
