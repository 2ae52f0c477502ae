#include "benchmarks/longlive_clips.hpp"

#include <cuda_runtime_api.h>

#include <algorithm>

#include "benchmarks/cuda_ok.hpp"
#include "pipeline_reference/ops/random.hpp"

namespace benchmarks {

double reference_gb_per_s() {
  int device = 0, clock_khz = 0, bus_bits = 0;
  CUDA_OK(cudaGetDevice(&device));
  CUDA_OK(cudaDeviceGetAttribute(&clock_khz, cudaDevAttrMemoryClockRate, device));
  CUDA_OK(cudaDeviceGetAttribute(&bus_bits, cudaDevAttrGlobalMemoryBusWidth, device));
  return 2.0 * clock_khz * bus_bits / 8 / 1e6;  // two transfers a clock
}

double floor_ms(double flops, double bytes) {
  static const double gb_per_s = reference_gb_per_s();
  return std::max(flops / reference_tflops / 1e9, bytes / gb_per_s / 1e6);
}

std::vector<longlive::prompt_embedding> prompts_of_120_tokens(const longlive::dit_config& c,
                                                              std::int64_t segments) {
  constexpr std::int64_t tokens = 120;
  std::vector<longlive::prompt_embedding> prompts;
  for (std::int64_t segment = 0; segment < segments; ++segment) {
    std::vector<float> rows(static_cast<std::size_t>(c.text_len * c.text_dim), 0.0F);
    for (std::size_t i = 0; i < static_cast<std::size_t>(tokens * c.text_dim); ++i)
      rows[i] = 0.1F * ops::random_normals(5, static_cast<std::uint32_t>(segment), i / 4)[i % 4];
    prompts.push_back({tokens, std::move(rows)});
  }
  return prompts;
}

}  // namespace benchmarks
