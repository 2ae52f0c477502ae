#pragma once
// Tensors of random numbers from the counter-based generator of philox.hpp.

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstdint>

namespace kernels {

// Which numbers: element e of a tensor is number `first + e` of (seed, sequence).
struct random_sequence {
  std::uint64_t seed = 0;
  std::uint32_t sequence = 0;
  std::uint64_t first = 0;
};

// Standard normal, as random_normals() gives them.
struct fill_normal_params {
  float* out = nullptr;  // 16-byte aligned
  std::int64_t count = 0;
  random_sequence numbers;  // first: a multiple of 4
};

// centre + spread * u, u in [-1, 1) from the upper 24 bits of a word; rounded to bf16.
struct fill_uniform_params {
  __nv_bfloat16* out = nullptr;  // 16-byte aligned
  std::int64_t count = 0;
  random_sequence numbers;  // first: a multiple of 4
  float centre = 0, spread = 1;
};

// Launch on `stream`, may be captured in a graph, and wait for nothing. Throw std::invalid_argument
// for what the kernels do not take, std::runtime_error when a launch fails.
void fill_normal(const fill_normal_params& params, cudaStream_t stream);
void fill_uniform(const fill_uniform_params& params, cudaStream_t stream);

}  // namespace kernels
