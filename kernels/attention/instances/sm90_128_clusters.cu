#include "kernels/attention/launch_sm90.cuh"
#include "kernels/attention/launch_sm90.hpp"

void kernels::sm90::launch_128_clusters(const attention_params& params, cudaStream_t stream) {
  launch<attention_config<128, 176, 4, false, attention_schedule<2>>>(params, stream);
}
