#pragma once
// What CUDA refuses ends a benchmark, with the call in the message.

#include <cuda_runtime_api.h>

#include <latency/error.hpp>

// Throws latency::error. A statement of its own.
#define CUDA_OK(call)                                       \
  if (const cudaError_t code = (call); code != cudaSuccess) \
  throw latency::error(#call, "", cudaGetErrorString(code))
