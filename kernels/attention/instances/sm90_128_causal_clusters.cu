#include "kernels/attention/launch_sm90.cuh"
#include "kernels/attention/launch_sm90.hpp"

void kernels::sm90::launch_128_causal_clusters(const attention_params& params,
                                               cudaStream_t stream) {
  launch<attention_config<128, 128, 6, true, causal_schedule<2>>>(params, stream);
}
