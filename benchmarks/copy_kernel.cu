#include "benchmarks/copy_kernel.hpp"

#include "kernels/dependent_launch.cuh"

namespace benchmarks {
namespace {

constexpr unsigned threads = 256, vectors = 4;

__global__ void __launch_bounds__(threads)
    copy_kernel(uint4* to, const uint4* from, std::size_t count, bool lets_next_start) {
  kernels::wait_for_previous_kernels();
  if (lets_next_start) kernels::let_next_kernel_start();
  const std::size_t first = std::size_t{blockIdx.x} * threads * vectors + threadIdx.x;
  uint4 held[vectors];
#pragma unroll
  for (unsigned i = 0; i < vectors; ++i)
    if (first + i * threads < count) held[i] = from[first + i * threads];
#pragma unroll
  for (unsigned i = 0; i < vectors; ++i)
    if (first + i * threads < count) to[first + i * threads] = held[i];
}

}  // namespace

void launch_copy(void* to, const void* from, std::size_t bytes, bool lets_next_start,
                 cudaStream_t stream) {
  const std::size_t count = bytes / sizeof(uint4);
  const auto blocks = static_cast<unsigned>((count + threads * vectors - 1) / (threads * vectors));
  kernels::launch_dependent(copy_kernel, blocks, threads, stream, static_cast<uint4*>(to),
                            static_cast<const uint4*>(from), count, lets_next_start);
}

}  // namespace benchmarks
