#pragma once
// The path for GPUs and shapes that the Hopper kernel does not take.

#include "kernels/attention/attention.hpp"

namespace kernels {

void attention_plain(const attention_params& params, cudaStream_t stream);

}  // namespace kernels
