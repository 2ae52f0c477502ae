#include "kernels/timestep/timestep.hpp"

#include "kernels/timestep/timestep_ref.hpp"
#include "tests/kernels/device_rows.hpp"

using namespace kernels_test;

TEST_CASE("timestep_embedding: cosines, then sines, rounded once") {
  const std::vector<float> timesteps = {1000.0F, 937.5F, 833.33331F, 625.0F, 0.0F};
  const device_buffer<float> there(timesteps);
  for (const int columns : {2, 256, 1000}) {
    device_rows out(5, columns);
    kernels::timestep_embedding_params p{there.get(), out.on_device<__nv_bfloat16>(), 5, columns};
    kernels::timestep_embedding(p, nullptr);
    CUDA_OK(cudaDeviceSynchronize());
    out.download();
    p.timesteps = timesteps.data();
    double worst = 0;
    for (int row = 0; row < 5; ++row)
      for (int c = 0; c < columns; ++c) {
        const double error = std::abs(out.at(row, c) - kernels::timestep_embedding_ref(p, row, c));
        worst = std::isnan(error) ? INFINITY : std::max(worst, error);
      }
    CHECK(worst <= 0.002);  // half an ulp of bf16 just below 1
    CHECK(out.padding_is_nan());
  }
}
