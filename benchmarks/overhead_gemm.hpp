#pragma once
// Matrix products of cuBLASLt in the size of a feed-forward network, as a workload.

#include <latency/cuda_overhead.hpp>

namespace benchmarks {

// Times the loop "10 feed-forward networks": [4680, 1536] x [1536, 8960], then x [8960, 1536],
// bf16, each network in a latency::cuda::scope. Throws latency::error when CUDA or cuBLASLt
// refuses, or when a product is wrong.
void time_feed_forward(latency::overhead_trial& trial);

}  // namespace benchmarks
