#include "kernels/attention/half_tile_schedule_sm90.cuh"
#include "kernels/attention/launch_sm90.cuh"
#include "kernels/attention/launch_sm90.hpp"

void kernels::sm90::launch_128_half_tiles(const attention_params& params, cudaStream_t stream) {
  launch<attention_config<128, 176, 4, false, half_tile_schedule>>(params, stream);
}
