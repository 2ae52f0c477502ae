#pragma once
// What the host asks of a Hopper device, and the workspace that follows from it.

#include <cuda_runtime.h>

#include <cstddef>
#include <stdexcept>
#include <string>

namespace kernels::sm90 {

inline void check(cudaError_t code, const char* what) {
  if (code != cudaSuccess)
    throw std::runtime_error("attention: " + std::string(what) + ": " + cudaGetErrorString(code));
}

inline bool device_is_hopper() {
  int device = 0, major = 0, minor = 0;
  check(cudaGetDevice(&device), "device");
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "device");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "device");
  return major == 9 && minor == 0;
}

// How the workspace is laid out: two pieces for each block of the grid.
struct workspace_layout {
  std::size_t partial_o, partial_lse, bytes;  // offsets; the arrival counters come first
};
constexpr workspace_layout layout_workspace(int multiprocessors) {
  const std::size_t rows = std::size_t{2} * 128 * multiprocessors;
  const std::size_t o = 128, lse = o + rows * 128 * sizeof(float);
  return {o, lse, lse + rows * sizeof(float)};
}

inline int multiprocessors() {
  int device = 0, count = 0;
  check(cudaGetDevice(&device), "device");
  check(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device), "multiprocessors");
  return count;
}

}  // namespace kernels::sm90
