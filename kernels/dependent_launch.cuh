#pragma once
// Launches that begin while the kernel ahead on their stream still ends (programmatic dependent
// launch): what a launch takes, and what a kernel does before it needs memory, is done by the time
// that the other's results are there. From sm_90 on; on older devices an ordinary launch.
//
// A kernel launched so keeps these rules:
//
// - Every thread calls wait_for_previous_kernels() before it reads or writes global memory: the
//   kernel ahead may not yet have written what is read, nor read what is written.
// - A thread that has nothing to do calls it as well, before it leaves. It waits for the kernel
//   directly ahead and for no other: if that one were over before the one ahead of it, nobody would
//   have waited for the latter.
// - No __ldg, no ld.global.nc, no const __restrict__: they are for memory that nothing writes while
//   the kernel runs, which is the case no more, and compilers may move them to before the wait.
// - Before the wait there is arithmetic, shared memory, barriers, tensor maps that are parameters.
//   Not weights: they stay as they are, but the kernel ahead may be the one that makes them.
//
// Copies, memsets, events and other streams are waited for before the kernel begins, and wait for
// its end, as ever. Captured, a launch is a programmatic edge of the graph (CUDA 12.3 and newer).

#include <cuda_runtime.h>

#include <cstddef>
#include <utility>

namespace kernels {

// Returns when the kernel ahead is over and what it wrote can be seen; at once in an ordinary
// launch.
__device__ __forceinline__ void wait_for_previous_kernels() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// Once every block has called it or has ended, blocks of the kernel behind come in wherever there
// is room; without it, once all have ended. Never before wait_for_previous_kernels(), so that two
// kernels of a stream at most are on the device.
__device__ __forceinline__ void let_next_kernel_start() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// Whether the kernels of this file wait in every version that is compiled. One for an older
// architecture cannot, and a newer device runs it where nothing else fits.
static constexpr bool kernels_wait = [] {
  for (const int architecture : {__CUDA_ARCH_LIST__})
    if (architecture < 900) return false;
  return true;
}();

// For launches that say more than launch_dependent() does, where kernels_wait. Not beside a
// cooperative launch: CUDA does not say what the two are together.
inline cudaLaunchAttribute begins_early() {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  return attribute;
}

// kernel<<<blocks, threads, shared_bytes, stream>>>(arguments...), but that it may begin early. An
// error is for cudaGetLastError() to say. Static like kernels_wait, because files are compiled for
// different architectures.
template <class... Parameters, class... Arguments>
static void launch_dependent(void (*kernel)(Parameters...), dim3 blocks, dim3 threads,
                             std::size_t shared_bytes, cudaStream_t stream,
                             Arguments&&... arguments) {
  cudaLaunchAttribute attribute = begins_early();
  cudaLaunchConfig_t config{};
  config.gridDim = blocks;
  config.blockDim = threads;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = kernels_wait ? 1 : 0;
  (void)cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...);
}
template <class... Parameters, class... Arguments>
static void launch_dependent(void (*kernel)(Parameters...), dim3 blocks, dim3 threads,
                             cudaStream_t stream, Arguments&&... arguments) {
  launch_dependent(kernel, blocks, threads, std::size_t{0}, stream,
                   std::forward<Arguments>(arguments)...);
}

}  // namespace kernels
