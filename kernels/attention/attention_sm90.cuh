#pragma once
// The Hopper kernel: three warpgroups in a block, one block on a multiprocessor.
//
//   producer    one thread walks over the schedule, says what is next, and copies Q tiles, and
//               blocks of K and V into a ring of slots, in the order in which the consumers want
//               them: K(n), V(n+1), K(n-1), V(n), ...
//               the other three warps combine the pieces of split tiles (schedule_sm90.cuh)
//   consumers   two warpgroups with 64 queries each; scores S, probabilities P and output O stay in
//               registers. In each step a warpgroup issues S(n) = Q K(n)^T and O += P(n+1) V(n+1)
//               together, and computes the softmax of S(n) while its second product still runs.
//
// The consumers take turns in issuing (ping-pong), so that one computes its softmax while the
// tensor cores work for the other:
//
//   warpgroup 0   |QK PV|softmax ......|QK PV|softmax ......|
//   warpgroup 1   ......|QK PV|softmax ......|QK PV|softmax
//
// Blocks of keys run from the last to the first: only the blocks that come first need masks.
//
// Where there are many queries, two neighbouring blocks are a cluster: they compute over the same
// keys, and each producer copies half of every block of keys and values for both.

#include <cuda.h>

#include "kernels/attention/combine_sm90.cuh"
#include "kernels/attention/config_sm90.cuh"
#include "kernels/attention/producer_sm90.cuh"
#include "kernels/dependent_launch.cuh"
#include "kernels/ptx/cluster.cuh"
#include "kernels/ptx/mbarrier.cuh"
#include "kernels/ptx/tma.cuh"
#include "kernels/ptx/warpgroup.cuh"

namespace kernels::sm90 {

// `Consumer` computes with the registers of a warpgroup; `Arguments` are attention_arguments, or
// more.
template <class Config, class Consumer, class Arguments>
__global__ void __launch_bounds__(Config::threads, 1)
    attention_kernel(const __grid_constant__ Arguments args, const __grid_constant__ CUtensorMap q,
                     const __grid_constant__ CUtensorMap k, const __grid_constant__ CUtensorMap v) {
  extern __shared__ __align__(1024) unsigned char storage[];
  auto& shared = *reinterpret_cast<typename Config::shared*>(storage);
  const attention_params& p = args.params;

  if (threadIdx.x == 0) {
    ptx::prefetch_tensor_map(q);
    ptx::prefetch_tensor_map(k);
    ptx::prefetch_tensor_map(v);
    ptx::mbarrier_init(shared.q_full, 1);
    ptx::mbarrier_init(shared.q_empty, 256);  // the consumers' threads
    for (int i = 0; i < Config::slots; ++i) {
      ptx::mbarrier_init(shared.kv_full[i], 1);
      ptx::mbarrier_init(shared.kv_empty[i], warps_of_slot<Config>);
    }
    ptx::fence_mbarrier_init();
  }
  if constexpr (Config::cluster > 1)
    ptx::cluster_sync();
  else
    __syncthreads();
  wait_for_previous_kernels();

  const int valid = ptx::warp_uniform(p.valid_rows == nullptr ? p.tokens_kv : *p.valid_rows);
  const int blocks = (valid + Config::block_n - 1) / Config::block_n;
  const typename Config::schedule schedule(args.row_blocks, p.heads, p.batch, blocks,
                                           p.workspace != nullptr);

  if (threadIdx.x < 128) {
    ptx::registers_release<Config::producer_registers>();
    if (threadIdx.x == 0) {
      produce<Config>(shared, p, valid, schedule, q, k, v);
    } else if constexpr (Config::schedule::splits) {
      if (threadIdx.x >= 32 && schedule.splitters() > 0) combine_pieces<Config>(args, schedule);
    }
  } else {
    ptx::registers_acquire<Config::consumer_registers>();
    const int group = threadIdx.x / 128 - 1;
    Consumer consumer(shared, args, valid);
    if (group == 1) ptx::named_barrier_arrive(turn_of_0, 256);  // the first turn is 0's
#pragma unroll 1
    for (next_work next = consumer.wait_next(); next.work.row_block >= 0;
         next = consumer.wait_next()) {
      consumer.compute(next.work);
      if (!next.ends_pieces) continue;
      __threadfence();
      ptx::named_barrier_sync(pieces_of_0 + group, 128);
      if (threadIdx.x % 128 == 0) atomicAdd(args.arrivals, 1);
    }
    if (group == 0) ptx::named_barrier_sync(turn_of_0, 256);  // takes the turn that nobody wants
  }
  // The others write to this block's shared memory until they are done.
  if constexpr (Config::cluster > 1) ptx::cluster_sync();
}

}  // namespace kernels::sm90
