#pragma once
// Puts the pieces of split tiles (schedule_sm90.cuh) together.

#include "kernels/attention/config_sm90.cuh"
#include "kernels/attention/softmax_sm90.cuh"

namespace kernels::sm90 {

// Combines the pieces of split tiles once all are written: the work of the three warps beside the
// producer, which have nothing else to do while the consumers compute whole tiles. A warp takes a
// row at a time.
template <class Config>
__device__ __forceinline__ void combine_pieces(const attention_arguments& args,
                                               const typename Config::schedule& schedule) {
  const attention_params& p = args.params;
  const int lane = threadIdx.x % 32;
  const unsigned writers = 2 * Config::cluster * schedule.splitters();
  while (*static_cast<volatile unsigned*>(args.arrivals) < writers) __nanosleep(500);
  __threadfence();

  constexpr int per_lane = Config::head_dim / 32;
  const int first = blockIdx.x * 3 + threadIdx.x / 32 - 1;
  for (int i = first; i < schedule.split_tiles() * Config::block_m; i += gridDim.x * 3) {
    const int tile = i / Config::block_m, row_in_tile = i % Config::block_m;
    const attention_work work = schedule.split_tile(tile);
    const int row = work.row_block * Config::block_m + row_in_tile;
    if (row >= p.tokens_q) continue;
    const int last_range = schedule.last_range(tile);
    float o[per_lane] = {}, biggest = -INFINITY, sum = 0;
    for (int range = schedule.first_range(tile); range <= last_range; ++range) {
      const std::int64_t from = schedule.piece_of(range, tile) * Config::block_m + row_in_tile;
      const float lse = __ldcg(args.partial_lse + from);
      const float bigger = fmaxf(biggest, lse);
      const float keep = biggest == -INFINITY ? 0.0f : __expf(biggest - bigger);
      const float weight = lse == -INFINITY ? 0.0f : __expf(lse - bigger);
      biggest = bigger;
      sum = sum * keep + weight;
#pragma unroll
      for (int e = 0; e < per_lane; ++e)
        o[e] = o[e] * keep +
               weight * __ldcg(args.partial_o + from * Config::head_dim + per_lane * lane + e);
    }
    const float inverse = sum == 0 ? 0.0f : 1 / sum;
    __nv_bfloat16* const to = p.o.data + work.batch * p.o.batch_stride + row * p.o.token_stride +
                              work.head * p.o.head_stride;
#pragma unroll
    for (int e = 0; e < per_lane; e += 2)
      *reinterpret_cast<std::uint32_t*>(to + per_lane * lane + e) =
          pack_bf16(o[e] * inverse, o[e + 1] * inverse);
    if (lane == 0 && p.lse != nullptr)
      p.lse[(static_cast<std::int64_t>(work.batch) * p.heads + work.head) * p.tokens_q + row] =
          biggest + __logf(sum);
  }
  // Whoever is last leaves the counters as the next launch wants them.
  if (lane == 0 && atomicAdd(args.arrivals + 1, 1) == 3 * gridDim.x - 1) {
    args.arrivals[0] = 0;
    args.arrivals[1] = 0;
  }
}

}  // namespace kernels::sm90
