#include "kernels/attention/launch_sm90.cuh"
#include "kernels/attention/launch_sm90.hpp"

void kernels::sm90::launch_64(const attention_params& params, cudaStream_t stream) {
  launch<attention_config<64, 192, 6, false>>(params, stream);
}
