#pragma once
// Barriers in shared memory (mbarrier) that count arrivals of threads and bytes of copies. A
// barrier goes through phases 0, 1, 0, ...; who waits names the parity of the phase whose end it
// waits for. A fresh barrier is in phase 0: waiting for parity 0 blocks, waiting for parity 1
// returns at once.

#include <cstdint>

namespace kernels::ptx {

using mbarrier = std::uint64_t;  // opaque, 8-byte aligned, in shared memory

// A shared-memory address as the instructions take it.
__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

// A phase ends after `arrivals` arrivals, and all bytes announced in it. One thread; then
// fence_mbarrier_init and a block barrier, before any other thread or a copy uses it.
__device__ __forceinline__ void mbarrier_init(mbarrier& barrier, std::uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(&barrier)),
               "r"(arrivals)
               : "memory");
}

__device__ __forceinline__ void fence_mbarrier_init() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ __forceinline__ void mbarrier_arrive(mbarrier& barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(&barrier))
               : "memory");
}

// Arrives, and announces bytes that copies will complete in this phase.
__device__ __forceinline__ void mbarrier_arrive_expect(mbarrier& barrier, std::uint32_t bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(&barrier)),
      "r"(bytes)
      : "memory");
}

// Whether that phase has ended, for the lanes of a fully active warp alike.
__device__ __forceinline__ bool mbarrier_has_ended(mbarrier& barrier, std::uint32_t parity) {
  std::uint32_t done = 0;
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "mbarrier.test_wait.parity.shared::cta.b64 p, [%1], %2;\n"
      "selp.u32 %0, 1, 0, p;\n"
      "}"
      : "=r"(done)
      : "r"(shared_address(&barrier)), "r"(parity)
      : "memory");
  return __all_sync(0xffffffff, done != 0) != 0;
}

__device__ __forceinline__ void mbarrier_wait(mbarrier& barrier, std::uint32_t parity) {
  std::uint32_t done = 0;
  while (done == 0)  // try_wait sleeps in hardware for a while before it says no
    asm volatile(
        "{\n"
        ".reg .pred p;\n"
        "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
        "selp.u32 %0, 1, 0, p;\n"
        "}"
        : "=r"(done)
        : "r"(shared_address(&barrier)), "r"(parity)
        : "memory");
}

}  // namespace kernels::ptx
