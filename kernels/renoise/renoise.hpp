#pragma once
// A step of the flow-matching sampler: the clean estimate from a flow, and on to the next noise
// level with noise that is given or drawn from a counter-based generator.

#include "kernels/random/random.hpp"

namespace kernels {

// x0 = x_t - sigma * flow (rounded once);
// x_next = (1 - sigma_next) * x0 + sigma_next * eps.
struct renoise_params {
  const float* x_t = nullptr;
  const float* flow = nullptr;
  float* x0 = nullptr;         // may be x_t; optional when there is x_next
  float* x_next = nullptr;     // may be x_t; absent after the last step
  const float* eps = nullptr;  // absent: drawn from `numbers`
  random_sequence numbers;     // first: a multiple of 4
  std::int64_t count = 0;
  float sigma = 0, sigma_next = 0;
};

// Launches on `stream`, may be captured in a graph, and waits for nothing. All tensors 16-byte
// aligned. Throws std::invalid_argument for what the kernel does not take, std::runtime_error when
// the launch fails.
void renoise(const renoise_params& params, cudaStream_t stream);

}  // namespace kernels
