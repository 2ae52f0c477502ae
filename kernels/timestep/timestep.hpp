#pragma once
// Sinusoidal embedding of timesteps: out[i] = [cos(t_i * w) | sin(t_i * w)],
// w_j = 10000^(-j / (n / 2)), evaluated in double and rounded once to bf16.

#include "kernels/rows.hpp"

namespace kernels {

struct timestep_embedding_params {
  const float* timesteps = nullptr;  // [rows]
  rows_of<__nv_bfloat16> out;        // [rows, columns]
  std::int64_t rows = 0;
  int columns = 0;  // even
};

// Launches on `stream`, may be captured in a graph, and waits for nothing. Throws
// std::invalid_argument for odd columns, std::runtime_error when the launch fails.
void timestep_embedding(const timestep_embedding_params& params, cudaStream_t stream);

}  // namespace kernels
