#pragma once
// Copies of boxes of a tensor between global and shared memory by the copy engine (TMA). One thread
// starts a copy; the tensor map (tensor_map.hpp) says shape, strides, box and swizzle. Elements
// outside the tensor read as zero and are not written. Boxes lie in shared memory at 128-byte
// aligned addresses, 1024-byte aligned with the 128-byte swizzle.

#include <cuda.h>

#include <cstdint>

#include "kernels/ptx/mbarrier.cuh"

namespace kernels::ptx {

// What L2 should do with the lines (the encodings that createpolicy makes).
enum class l2_hint : std::uint64_t {
  normal = 0x1000000000000000,
  evict_first = 0x12F0000000000000,
  evict_last = 0x14F0000000000000
};

__device__ __forceinline__ void prefetch_tensor_map(const CUtensorMap& map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
}

// Rank 5, innermost coordinate first. Completes on `barrier`, which must expect the bytes of the
// whole box, what lies outside the tensor included.
__device__ __forceinline__ void tma_load(void* shared, const CUtensorMap& map, mbarrier& barrier,
                                         l2_hint hint, int x0, int x1, int x2, int x3, int x4) {
  asm volatile(
      "cp.async.bulk.tensor.5d.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint "
      "[%0], [%1, {%3, %4, %5, %6, %7}], [%2], %8;" ::"r"(shared_address(shared)),
      "l"(&map), "r"(shared_address(&barrier)), "r"(x0), "r"(x1), "r"(x2), "r"(x3), "r"(x4),
      "l"(static_cast<std::uint64_t>(hint))
      : "memory");
}

// The same into every block of the cluster whose bit is set in `blocks`: the box arrives at the
// address that `shared` has in each, and completes on the barrier that lies where `barrier` does.
__device__ __forceinline__ void tma_load_multicast(void* shared, const CUtensorMap& map,
                                                   mbarrier& barrier, std::uint16_t blocks,
                                                   l2_hint hint, int x0, int x1, int x2, int x3,
                                                   int x4) {
  asm volatile(
      "cp.async.bulk.tensor.5d.shared::cluster.global.mbarrier::complete_tx::bytes"
      ".multicast::cluster.L2::cache_hint [%0], [%1, {%4, %5, %6, %7, %8}], [%2], %3, %9;" ::"r"(
          shared_address(shared)),
      "l"(&map), "r"(shared_address(&barrier)), "h"(blocks), "r"(x0), "r"(x1), "r"(x2), "r"(x3),
      "r"(x4), "l"(static_cast<std::uint64_t>(hint))
      : "memory");
}

// Joins the bulk group that tma_commit closes. Ordinary stores to the source need
// fence_shared_to_async and a barrier before it.
__device__ __forceinline__ void tma_store(const CUtensorMap& map, const void* shared, int x0,
                                          int x1, int x2, int x3, int x4) {
  asm volatile(
      "cp.async.bulk.tensor.5d.global.shared::cta.bulk_group [%0, {%2, %3, %4, %5, %6}], [%1];" ::
          "l"(&map),
      "r"(shared_address(shared)), "r"(x0), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
      : "memory");
}

__device__ __forceinline__ void tma_commit() {
  asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}

// Until at most `Pending` of this thread's newest groups have not yet read their source.
template <int Pending>
__device__ __forceinline__ void tma_wait_read() {
  asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(Pending) : "memory");
}

// The same until the writes are done and visible to this thread.
template <int Pending>
__device__ __forceinline__ void tma_wait() {
  asm volatile("cp.async.bulk.wait_group %0;" ::"n"(Pending) : "memory");
}

}  // namespace kernels::ptx
