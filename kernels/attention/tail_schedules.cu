#include "kernels/attention/tail_schedules.hpp"

#include <stdexcept>

#include "kernels/attention/device_sm90.hpp"
#include "kernels/attention/launch_sm90.hpp"
#include "kernels/attention/tail_schedules_sm90.cuh"

namespace kernels {

bool takes_tail(const attention_params& p, attention_tail tail) {
  if (p.head_dim != 128 || choose_attention_path(p) != attention_path::hopper) return false;
  const int row_blocks = (p.tokens_q + 127) / 128, tiles = row_blocks * p.heads * p.batch;
  const int grid = sm90::multiprocessors();
  return tail == attention_tail::half_tiles
             ? !p.causal && sm90::half_tile_schedule::applies(tiles, grid)
             : p.causal && sm90::level_tail_schedule::applies(row_blocks, tiles, grid);
}

void attention_with_tail(const attention_params& p, attention_tail tail, cudaStream_t stream) {
  if (!takes_tail(p, tail))
    throw std::invalid_argument("attention: the tail does not take this shape or device");
  tail == attention_tail::half_tiles ? sm90::launch_128_half_tiles(p, stream)
                                     : sm90::launch_128_causal_by_length(p, stream);
}

}  // namespace kernels
