#pragma once
// The configurations of the Hopper kernel that are compiled in.

#include "kernels/attention/attention.hpp"

namespace kernels::sm90 {

void launch_128(const attention_params& params, cudaStream_t stream);
void launch_128_causal(const attention_params& params, cudaStream_t stream);
void launch_128_causal_clusters(const attention_params& params, cudaStream_t stream);
void launch_128_clusters(const attention_params& params, cudaStream_t stream);
void launch_128_few_keys(const attention_params& params, cudaStream_t stream);
void launch_64(const attention_params& params, cudaStream_t stream);
void launch_64_causal(const attention_params& params, cudaStream_t stream);

}  // namespace kernels::sm90
