#pragma once
// What CUDA refuses ends a benchmark, with the call in the message; and what the device is called.

#include <cuda_runtime_api.h>

#include <latency/error.hpp>
#include <string>

// Throws latency::error. A statement of its own.
#define CUDA_OK(call)                                       \
  if (const cudaError_t code = (call); code != cudaSuccess) \
  throw latency::error(#call, "", cudaGetErrorString(code))

namespace benchmarks {

// For a result's machine. Makes a context.
[[nodiscard]] inline std::string gpu_name() {
  cudaDeviceProp properties{};
  CUDA_OK(cudaGetDeviceProperties(&properties, 0));
  int driver = 0;
  CUDA_OK(cudaDriverGetVersion(&driver));
  return std::string(properties.name) + ", CUDA driver " + std::to_string(driver / 1000) + "." +
         std::to_string(driver % 1000 / 10);
}

}  // namespace benchmarks
