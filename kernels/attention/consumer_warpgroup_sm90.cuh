#pragma once
// What a consumer warpgroup of any precision knows of its block: which rows it has, and when slots
// of shared memory are full or may be filled again.

#include "kernels/attention/config_sm90.cuh"
#include "kernels/ptx/cluster.cuh"
#include "kernels/ptx/mbarrier.cuh"

namespace kernels::sm90 {

template <class Config>
class consumer_warpgroup {
 protected:
  using position = ring_position<Config::slots>;

  __device__ explicit consumer_warpgroup(typename Config::shared& shared)
      : shared_(shared),
        group_(threadIdx.x / 128 - 1),
        row_in_tile_(64 * group_ + threadIdx.x % 128 / 32 * 16 + threadIdx.x % 32 / 4) {}

  __device__ __forceinline__ void wait_q() {
    ptx::mbarrier_wait(shared_.q_full, q_parity_);
    q_parity_ ^= 1;
  }
  // Each warp says so: its own products have read Q, or the slot.
  __device__ __forceinline__ void release_q() {
    if (threadIdx.x % 32 == 0) ptx::mbarrier_arrive(shared_.q_empty);
  }
  __device__ __forceinline__ void wait_full(const position& at) {
    ptx::mbarrier_wait(shared_.kv_full[at.slot], at.parity);
  }
  // To all blocks of the cluster, because each copies a part of what the slot holds next.
  __device__ __forceinline__ void release(const position& at) {
    if constexpr (Config::cluster > 1) {
      if (threadIdx.x % 32 < Config::cluster)
        ptx::mbarrier_arrive_in(shared_.kv_empty[at.slot], threadIdx.x % 32);
    } else {
      if (threadIdx.x % 32 == 0) ptx::mbarrier_arrive(shared_.kv_empty[at.slot]);
    }
  }

  typename Config::shared& shared_;
  const int group_;        // 0 or 1
  const int row_in_tile_;  // of this thread's first row; the second is 8 further on
  position ring_;

 private:
  std::uint32_t q_parity_ = 0;
};

}  // namespace kernels::sm90
