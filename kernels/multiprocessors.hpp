#pragma once
// How many multiprocessors the device has.

#include <cuda_runtime_api.h>

namespace kernels {

// Of the device that was current when this was first asked; 132 where none answers.
inline int multiprocessors() {
  static const int count = [] {
    int device = 0, found = 0;
    const bool known =
        cudaGetDevice(&device) == cudaSuccess &&
        cudaDeviceGetAttribute(&found, cudaDevAttrMultiProcessorCount, device) == cudaSuccess;
    return known ? found : 132;
  }();
  return count;
}

}  // namespace kernels
