#pragma once
// The producer: one thread that copies Q tiles, and blocks of K and V into the ring of slots, in
// the order in which the consumers want them: K(n), V(n+1), K(n-1), V(n), ...

#include <cuda.h>

#include "kernels/attention/config_sm90.cuh"
#include "kernels/attention/key_slots_sm90.cuh"
#include "kernels/ptx/mbarrier.cuh"
#include "kernels/ptx/tma.cuh"

namespace kernels::sm90 {

// The blocks of keys that any query of a tile sees, or of its neighbours in a cluster, are
// [0, key_blocks).
template <class Config>
__device__ __forceinline__ int key_blocks(const attention_params& p, int valid, int row_block) {
  const int row_blocks = (row_block / Config::cluster + 1) * Config::cluster;
  const int seen =
      Config::causal ? min(valid, row_blocks * Config::block_m + valid - p.tokens_q) : valid;
  return (max(seen, 0) + Config::block_n - 1) / Config::block_n;
}

// Calls visit(next) for everything this block of the grid computes, in its order, and at last with
// a row block of -1.
template <class Config, class Visit>
__device__ __forceinline__ void for_each_work(const typename Config::schedule& schedule,
                                              const attention_params& p, int valid,
                                              const Visit& visit) {
  const int pieces = schedule.pieces(), end = pieces + schedule.turns();
#pragma unroll 1
  for (int i = 0; i <= end; ++i) {
    attention_work work{-1, 0, 0, 0, 0, -1};
    if (i < pieces)
      work = schedule.piece(i);
    else if (i < end)
      work = schedule.turn(i - pieces);
    if (work.row_block < 0 && i < end) continue;
    if (Config::causal && i < end) work.last = key_blocks<Config>(p, valid, work.row_block);
    visit(next_work{work, i == pieces - 1});
  }
}

// One thread.
template <class Config>
__device__ __forceinline__ void produce(typename Config::shared& shared, const attention_params& p,
                                        int valid, const typename Config::schedule& schedule,
                                        const CUtensorMap& q, const CUtensorMap& k,
                                        const CUtensorMap& v) {
  ring_position<Config::slots> ring;
  std::uint32_t q_parity = 0;
  const auto load_block = [&](const CUtensorMap& map, int step, int block, int head, int batch) {
    fill_slot<Config>(shared, ring.next(), map, block * step, head, batch);
  };
  for_each_work<Config>(schedule, p, valid, [&](const next_work& next) {
    const attention_work& work = next.work;
    const bool has_keys = work.first < work.last;
    const int head = work.head / (p.heads / p.heads_kv);
    if (has_keys) load_block(k, Config::k_step, work.last - 1, head, work.batch);

    ptx::mbarrier_wait(shared.q_empty, q_parity ^ 1);
    q_parity ^= 1;
    shared.next = next;
    ptx::mbarrier_arrive_expect(shared.q_full, has_keys ? sizeof shared.q : 0);
    if (!has_keys) return;
    ptx::tma_load(shared.q, q, shared.q_full, ptx::l2_hint::evict_first, 0,
                  work.row_block * Config::block_m, 0, work.head, work.batch);

    for (int n = work.last - 2; n >= work.first; --n) {
      load_block(k, Config::k_step, n, head, work.batch);
      load_block(v, Config::v_step, n + 1, head, work.batch);
    }
    load_block(v, Config::v_step, work.first, head, work.batch);
  });
}

}  // namespace kernels::sm90
