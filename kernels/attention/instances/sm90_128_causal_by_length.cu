#include "kernels/attention/launch_sm90.cuh"
#include "kernels/attention/launch_sm90.hpp"
#include "kernels/attention/tail_schedules_sm90.cuh"

void kernels::sm90::launch_128_causal_by_length(const attention_params& params,
                                                cudaStream_t stream) {
  launch<attention_config<128, 128, 6, true, level_tail_schedule>>(params, stream);
}
