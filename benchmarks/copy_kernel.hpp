#pragma once
// The copy that kernels bound by memory are held against.

#include <cuda_runtime_api.h>

#include <cstddef>

namespace benchmarks {

// Copies `bytes`, a multiple of 16, between tensors aligned to as much: 16 bytes a time, four loads
// of a thread in flight.
void launch_copy(void* to, const void* from, std::size_t bytes, cudaStream_t stream);

}  // namespace benchmarks
