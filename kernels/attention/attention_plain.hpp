#pragma once
// The path for GPUs and shapes that the Hopper kernel does not take.

#include "kernels/attention/attention.hpp"

namespace kernels {

void attention_plain(const attention_params& params, cudaStream_t stream);

// What the code was compiled for that runs on the current device: 80 for sm_80. Where PTX of sm_80
// is compiled by the driver, the device's own.
int attention_plain_architecture();

}  // namespace kernels
