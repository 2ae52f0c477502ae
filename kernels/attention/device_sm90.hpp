#pragma once
// What the host asks of a Hopper device, and the workspace that follows from it.

#include <cuda_runtime.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace kernels::sm90 {

inline void check(cudaError_t code, const char* what) {
  if (code != cudaSuccess)
    throw std::runtime_error("attention: " + std::string(what) + ": " + cudaGetErrorString(code));
}

inline int this_device() {
  int device = 0;
  check(cudaGetDevice(&device), "device");
  return device;
}

inline bool device_is_hopper() {
  int major = 0, minor = 0;
  const int device = this_device();
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "device");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "device");
  return major == 9 && minor == 0;
}

inline int multiprocessors() {
  int count = 0;
  check(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, this_device()),
        "multiprocessors");
  return count;
}

// Lets blocks of the kernel have `bytes` of shared memory, always as many. Each device is told
// once: to say it again would take half a microsecond of every launch.
template <auto Kernel>
void allow_shared_memory(int bytes) {
  static std::atomic<std::uint64_t> told{0};  // a bit per device
  const int device = this_device();
  const std::uint64_t bit = device < 64 ? std::uint64_t{1} << device : 0;
  if ((told.load(std::memory_order_relaxed) & bit) != 0) return;
  check(cudaFuncSetAttribute(Kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
        "shared memory");
  told.fetch_or(bit, std::memory_order_relaxed);
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

}  // namespace kernels::sm90
