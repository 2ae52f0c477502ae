#pragma once
// CUDA's and cuBLASLt's return codes as latency::error.

#include <cuda_runtime_api.h>

#include <string>

#include "latency/error.hpp"
#include "pipeline_reference/ops/cuda/cublaslt.hpp"

namespace ops::cuda {

inline void check(cudaError_t code, const char* what) {
  if (code != cudaSuccess)
    throw latency::error(std::string("cuda back end: ") + what + ": " + cudaGetErrorString(code));
}
inline void check(cublasStatus_t code, const char* what) {
  if (code != CUBLAS_STATUS_SUCCESS)
    throw latency::error(std::string("cuda back end: ") + what + ": " +
                         cublaslt().cublasLtGetStatusString(code));
}

}  // namespace ops::cuda
