#pragma once
// How a block of keys or values gets into a slot of the ring, and how the slot is given back: in a
// cluster, for all of its blocks.

#include <cuda.h>

#include <cstdint>

#include "kernels/ptx/cluster.cuh"
#include "kernels/ptx/mbarrier.cuh"
#include "kernels/ptx/tma.cuh"

namespace kernels::sm90 {

// How many warps read a slot before it is empty: all but the producer's four, of every block.
template <class Config>
constexpr int warps_of_slot = (Config::threads / 32 - 4) * Config::cluster;

// One thread of each block of the cluster: waits until the slot is empty, and has keys from
// `first_key` on copied to it. In a cluster each copies one slab of them into the slots of all.
template <class Config, class Position>
__device__ __forceinline__ void fill_slot(typename Config::shared& shared, const Position& at,
                                          const CUtensorMap& map, int first_key, int head,
                                          int batch) {
  ptx::mbarrier_wait(shared.kv_empty[at.slot], at.parity ^ 1);
  ptx::mbarrier_arrive_expect(shared.kv_full[at.slot], sizeof shared.kv[0]);
  if constexpr (Config::cluster > 1) {
    static_assert(Config::cluster == Config::slabs);
    const int slab = static_cast<int>(ptx::cluster_rank());
    constexpr std::uint16_t everyone = (1 << Config::cluster) - 1;
    ptx::tma_load_multicast(shared.kv[at.slot][slab], map, shared.kv_full[at.slot], everyone,
                            ptx::l2_hint::evict_last, 0, first_key, slab, head, batch);
  } else {
    ptx::tma_load(shared.kv[at.slot], map, shared.kv_full[at.slot], ptx::l2_hint::evict_last, 0,
                  first_key, 0, head, batch);
  }
}

// A warp says that its products have read the slot: to every block, because each copies a part of
// what the slot holds next.
template <class Config>
__device__ __forceinline__ void empty_slot(typename Config::shared& shared, int slot) {
  const std::uint32_t lane = threadIdx.x % 32;
  if constexpr (Config::cluster > 1) {
    if (lane < Config::cluster) ptx::mbarrier_arrive_in(shared.kv_empty[slot], lane);
  } else {
    if (lane == 0) ptx::mbarrier_arrive(shared.kv_empty[slot]);
  }
}

}  // namespace kernels::sm90
