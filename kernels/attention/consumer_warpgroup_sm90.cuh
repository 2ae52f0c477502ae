#pragma once
// What a consumer warpgroup of any precision knows of its block: which rows it has, what to compute
// next, and when slots of shared memory are full or may be filled again.

#include "kernels/attention/config_sm90.cuh"
#include "kernels/attention/key_slots_sm90.cuh"
#include "kernels/ptx/mbarrier.cuh"
#include "kernels/ptx/warpgroup.cuh"

namespace kernels::sm90 {

template <class Config>
class consumer_warpgroup {
 public:
  // Waits for the next work, and for its queries.
  __device__ __forceinline__ next_work wait_next() {
    ptx::mbarrier_wait(shared_.q_full, q_parity_);
    q_parity_ ^= 1;
    const next_work& next = shared_.next;
    const attention_work& work = next.work;
    return {{ptx::warp_uniform(work.row_block), ptx::warp_uniform(work.head),
             ptx::warp_uniform(work.batch), ptx::warp_uniform(work.first),
             ptx::warp_uniform(work.last), ptx::warp_uniform(work.piece)},
            ptx::warp_uniform(next.ends_pieces) != 0};
  }

 protected:
  using position = ring_position<Config::slots>;

  __device__ explicit consumer_warpgroup(typename Config::shared& shared)
      : shared_(shared),
        group_(ptx::warp_uniform(static_cast<int>(threadIdx.x) / 128 - 1)),
        row_in_tile_(64 * group_ + threadIdx.x % 128 / 32 * 16 + threadIdx.x % 32 / 4) {}

  // Each thread says that it has read the next work, and its warp's products have read Q.
  __device__ __forceinline__ void release_q() { ptx::mbarrier_arrive(shared_.q_empty); }
  // The ring's next slot, once it is full.
  __device__ __forceinline__ position next_full() {
    position at = ring_.next();
    // In the loops of causal tiles the compiler takes the slot for different in each lane, and
    // computes descriptors so. Elsewhere, or for heads of 64, saying it costs more than it saves.
    if (Config::causal && Config::head_dim == 128) at.slot = ptx::warp_uniform(at.slot);
    if (!next_is_full_) ptx::mbarrier_wait(shared_.kv_full[at.slot], at.parity);
    next_is_full_ = false;
    return at;
  }
  // Where the time costs nothing, so that next_full() takes none if the slot is full.
  __device__ __forceinline__ void look_at_next() {
    next_is_full_ = ptx::mbarrier_has_ended(shared_.kv_full[ring_.slot], ring_.parity);
  }
  // A warp's products have read the slot.
  __device__ __forceinline__ void release(const position& at) {
    empty_slot<Config>(shared_, at.slot);
  }

  typename Config::shared& shared_;
  const int group_;        // 0 or 1
  const int row_in_tile_;  // of this thread's first row; the second is 8 further on

 private:
  position ring_;
  bool next_is_full_ = false;
  std::uint32_t q_parity_ = 0;
};

}  // namespace kernels::sm90
