#pragma once
// Clips of the published size with random weights, for benchmarks.

#include <cstdint>
#include <vector>

#include "pipeline_reference/longlive/dit_config.hpp"
#include "pipeline_reference/longlive/prompts.hpp"

namespace benchmarks {

// Rates that stand for what the hardware can do at most: 790 TFLOP/s is what large bf16 products
// reach on Hopper; bytes at the peak of the device's memory.
inline constexpr double reference_tflops = 790;
[[nodiscard]] double reference_gb_per_s();

// Milliseconds that so much arithmetic, or so many bytes, need at these rates, whichever is longer.
[[nodiscard]] double floor_ms(double flops, double bytes);

// Embeddings of prompts of 120 tokens, one for each segment.
[[nodiscard]] std::vector<longlive::prompt_embedding> prompts_of_120_tokens(
    const longlive::dit_config& dit, std::int64_t segments);

}  // namespace benchmarks
