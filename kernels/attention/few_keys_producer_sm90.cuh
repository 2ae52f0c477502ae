#pragma once
// The producer where keys are few: one thread that copies the queries of units, a pass ahead, and
// blocks of K and V into the ring of slots: K(n), V(n), K(n-1), V(n-1), ...

#include <cuda.h>

#include "kernels/attention/few_keys_config_sm90.cuh"
#include "kernels/attention/key_slots_sm90.cuh"
#include "kernels/ptx/mbarrier.cuh"
#include "kernels/ptx/tma.cuh"

namespace kernels::sm90 {

class few_keys_producer {
 public:
  __device__ few_keys_producer(few_keys_config::shared& shared, const few_keys_arguments& args,
                               const CUtensorMap& q, const CUtensorMap& k, const CUtensorMap& v)
      : shared_(shared), args_(args), q_(q), k_(k), v_(v) {}

  // What a pass over `blocks` blocks of keys begins with. The last consumer's queries come behind
  // the first values, which the first consumer wants before the last one has its queries.
  __device__ __forceinline__ void begin(const unit_pass& pass, int blocks) {
    // Before Q, whose slot may still hold output on its way.
    if (blocks > 0) load_block(k_, blocks - 1, pass);
#pragma unroll
    for (int c = 0; c < config::consumers; ++c) {
      if (c == config::consumers - 1 && blocks > 0) load_block(v_, blocks - 1, pass);
      if (c < pass.units) load_queries(c, pass);
    }
  }

  // The rest of it.
  __device__ __forceinline__ void finish(const unit_pass& pass, int blocks) {
#pragma unroll 1
    for (int n = blocks - 2; n >= 0; --n) {
      load_block(k_, n, pass);
      load_block(v_, n, pass);
    }
  }

 private:
  using config = few_keys_config;

  __device__ __forceinline__ void load_block(const CUtensorMap& map, int block,
                                             const unit_pass& pass) {
    const int head = args_.heads_of_keys == 1 ? pass.head : pass.head / args_.heads_of_keys;
    fill_slot<config>(shared_, ring_.next(), map, block * config::block_n, head, pass.batch);
  }

  __device__ __forceinline__ void load_queries(int consumer, const unit_pass& pass) {
    const auto at = q_rings_[consumer].next();
    ptx::mbarrier& full = shared_.q_full[consumer][at.slot];
    ptx::mbarrier_wait(shared_.q_empty[consumer][at.slot], at.parity ^ 1);
    ptx::mbarrier_arrive_expect(full, sizeof shared_.q[0][0]);
    ptx::tma_load(shared_.q[consumer][at.slot], q_, full, ptx::l2_hint::evict_first, 0,
                  (pass.first_unit + consumer) * config::block_m, 0, pass.head, pass.batch);
  }

  few_keys_config::shared& shared_;
  const few_keys_arguments& args_;
  const CUtensorMap &q_, &k_, &v_;
  counted_ring<config::slots> ring_;
  counted_ring<config::q_slots> q_rings_[config::consumers];
};

}  // namespace kernels::sm90
