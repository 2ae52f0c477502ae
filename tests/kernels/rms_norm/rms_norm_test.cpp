#include "kernels/rms_norm/rms_norm.hpp"

#include "kernels/rms_norm/rms_norm_ref.hpp"
#include "tests/kernels/device_rows.hpp"

using namespace kernels_test;

TEST_CASE("rms_norm: against fp64 at ragged sizes, in place and not") {
  for (const bool in_place : {false, true})
    for (const std::int64_t rows : {1, 5, 333})
      for (const int columns : {8, 64, 520, 1536, 4096}) {
        CAPTURE(rows);
        CAPTURE(columns);
        random_numbers random(fresh_seed());
        device_rows x(rows, columns, random), out(rows, columns);
        const device_rows weight(1, columns, random);
        kernels::rms_norm_params p;
        p.x = x.on_device<const __nv_bfloat16>();
        p.weight = weight.on_device<const __nv_bfloat16>().data;
        p.out = (in_place ? x : out).on_device<__nv_bfloat16>();
        p.rows = rows;
        p.columns = columns;
        kernels::rms_norm(p, nullptr);
        CUDA_OK(cudaDeviceSynchronize());
        p.x = x.on_host<const __nv_bfloat16>();
        p.weight = weight.on_host<const __nv_bfloat16>().data;
        std::vector<std::vector<double>> expected;
        for (std::int64_t row = 0; row < rows; ++row)
          expected.push_back(kernels::rms_norm_ref(p, row));
        device_rows& found = in_place ? x : out;
        found.download();
        error_sum error;
        for (std::int64_t row = 0; row < rows; ++row)
          for (int c = 0; c < columns; ++c)
            error.add(found.at(row, c),
                      expected[static_cast<std::size_t>(row)][static_cast<std::size_t>(c)]);
        CHECK(error.relative_l2() < rounding_error);
        if (!in_place) CHECK(out.padding_is_nan());
      }
}
