#pragma once
// What threads of a block say to each other and to the hardware: named barriers, registers of a
// warpgroup, fences between ordinary stores and the asynchronous units.

#include <cstdint>

namespace kernels::ptx {

// Barrier `id` (1..15; 0 is __syncthreads) of `threads` threads, those that only arrive included.
__device__ __forceinline__ void named_barrier_sync(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

__device__ __forceinline__ void named_barrier_arrive(int id, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

// Gives registers back, or takes more, for each thread of the warpgroup: a multiple of 8, 24..256.
// All four warps execute it. The kernel needs __launch_bounds__(threads, 1), and the roles of its
// warpgroups must be the branches of one if/else (otherwise ptxas ignores it: warning C7508).
template <int Registers>
__device__ __forceinline__ void registers_release() {
  static_assert(Registers % 8 == 0 && Registers >= 24 && Registers <= 256);
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Registers));
}

template <int Registers>
__device__ __forceinline__ void registers_acquire() {
  static_assert(Registers % 8 == 0 && Registers >= 24 && Registers <= 256);
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Registers));
}

// Shared memory written by ordinary stores (stmatrix too) that wgmma or a bulk copy reads next:
// each writing thread executes this before the barrier that hands the data over.
__device__ __forceinline__ void fence_shared_to_async() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// The same for global memory that a bulk copy reads next.
__device__ __forceinline__ void fence_global_to_async() {
  asm volatile("fence.proxy.async.global;" ::: "memory");
}

// A value that is the same in all lanes of a fully active warp, so that the compiler knows: what
// comes from threadIdx or from memory it keeps in every lane otherwise, and with it all that loops
// and branches on such a value compute (descriptors of wgmma above all, at two instructions each).
__device__ __forceinline__ int warp_uniform(int value) {
  return __reduce_max_sync(0xffffffff, value);
}

// One lane of a fully active warp.
__device__ __forceinline__ bool elect_one() {
  std::uint32_t elected = 0;
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "elect.sync _|p, 0xffffffff;\n"
      "selp.u32 %0, 1, 0, p;\n"
      "}"
      : "=r"(elected));
  return elected != 0;
}

}  // namespace kernels::ptx
