#pragma once
// The copy that kernels bound by memory are held against.

#include <cuda_runtime_api.h>

#include <cstddef>

namespace benchmarks {

// Copies `bytes`, a multiple of 16, between tensors aligned to as much: 16 bytes a time, four loads
// of a thread in flight. Begins early, as the kernels do (kernels/dependent_launch.cuh), and where
// it lets the next kernel start, does so as early as they do.
void launch_copy(void* to, const void* from, std::size_t bytes, bool lets_next_start,
                 cudaStream_t stream);

}  // namespace benchmarks
