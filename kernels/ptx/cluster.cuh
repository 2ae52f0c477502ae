#pragma once
// Blocks of a cluster, which run at once on neighbouring multiprocessors and reach each other's
// shared memory.

#include <cstdint>

#include "kernels/ptx/mbarrier.cuh"

namespace kernels::ptx {

// Of this block in its cluster, from 0.
__device__ __forceinline__ std::uint32_t cluster_rank() {
  std::uint32_t rank = 0;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}

// Every thread of every block of the cluster. What a thread wrote to shared memory of any of them
// before is visible behind it. The last act of a block that others may still reach into.
__device__ __forceinline__ void cluster_sync() {
  asm volatile(
      "barrier.cluster.arrive.release;\n"
      "barrier.cluster.wait.acquire;" ::
          : "memory");
}

// Arrives at the barrier that lies in block `rank` of the cluster where `barrier` lies in this one.
// Says nothing of ordinary stores: release only what the asynchronous units have read.
__device__ __forceinline__ void mbarrier_arrive_in(mbarrier& barrier, std::uint32_t rank) {
  asm volatile(
      "{\n"
      ".reg .b32 there;\n"
      "mapa.shared::cluster.u32 there, %0, %1;\n"
      "mbarrier.arrive.shared::cluster.b64 _, [there];\n"
      "}" ::"r"(shared_address(&barrier)),
      "r"(rank)
      : "memory");
}

}  // namespace kernels::ptx
