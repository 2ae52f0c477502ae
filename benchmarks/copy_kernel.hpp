#pragma once
// The copy that kernels bound by memory are held against.

#include <cuda_runtime_api.h>

#include <cstddef>

namespace benchmarks {

// Reads `read_bytes` and writes `written_bytes`, every number of both once: a copy where they are
// as many; otherwise what is written makes use of all that was read. Both are multiples of 16, of
// tensors aligned to as much, and the first is 1, 2, 3 or 1/2 times the second; throws
// std::invalid_argument otherwise. A thread moves 16 bytes at a time and has its loads in flight
// together. Begins early, as the kernels do (kernels/dependent_launch.cuh), and where it lets the
// next kernel start, does so as early as they do.
void launch_copy(void* to, std::size_t written_bytes, const void* from, std::size_t read_bytes,
                 bool lets_next_start, cudaStream_t stream);

}  // namespace benchmarks
