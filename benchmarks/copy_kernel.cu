#include "benchmarks/copy_kernel.hpp"

#include <stdexcept>

#include "kernels/dependent_launch.cuh"

namespace benchmarks {
namespace {

constexpr unsigned threads = 256;

struct vectors {
  uint4* to;
  const uint4* from;
  std::size_t written, read;
};

// A thread reads and writes so many vectors.
template <unsigned reads, unsigned writes>
__global__ void __launch_bounds__(threads) copy_kernel(const vectors v, bool lets_next_start) {
  kernels::wait_for_previous_kernels();
  if (lets_next_start) kernels::let_next_kernel_start();
  const std::size_t first_read = std::size_t{blockIdx.x} * threads * reads + threadIdx.x;
  const std::size_t first_write = std::size_t{blockIdx.x} * threads * writes + threadIdx.x;
  uint4 held[reads] = {};
#pragma unroll
  for (unsigned i = 0; i < reads; ++i)
    if (first_read + i * threads < v.read) held[i] = v.from[first_read + i * threads];
#pragma unroll
  for (unsigned i = 0; i < writes; ++i) {
    uint4 x = held[i % reads];
#pragma unroll
    for (unsigned more = i + writes; more < reads; more += writes)
      x = make_uint4(x.x ^ held[more].x, x.y ^ held[more].y, x.z ^ held[more].z,
                     x.w ^ held[more].w);
    if (first_write + i * threads < v.written) v.to[first_write + i * threads] = x;
  }
}

template <unsigned reads, unsigned writes>
void launch(const vectors& v, bool lets_next_start, cudaStream_t stream) {
  constexpr unsigned of_block = threads * reads;
  kernels::launch_dependent(copy_kernel<reads, writes>,
                            static_cast<unsigned>((v.read + of_block - 1) / of_block), threads,
                            stream, v, lets_next_start);
}

}  // namespace

void launch_copy(void* to, std::size_t written_bytes, const void* from, std::size_t read_bytes,
                 bool lets_next_start, cudaStream_t stream) {
  const vectors v{static_cast<uint4*>(to), static_cast<const uint4*>(from),
                  written_bytes / sizeof(uint4), read_bytes / sizeof(uint4)};
  if (v.read == v.written) return launch<4, 4>(v, lets_next_start, stream);
  if (v.read == 2 * v.written) return launch<4, 2>(v, lets_next_start, stream);
  if (v.read == 3 * v.written) return launch<6, 2>(v, lets_next_start, stream);
  if (2 * v.read == v.written) return launch<2, 4>(v, lets_next_start, stream);
  throw std::invalid_argument("copy: no kernel for this proportion of bytes read to written");
}

}  // namespace benchmarks
