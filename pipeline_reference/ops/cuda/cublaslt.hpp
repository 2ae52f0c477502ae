#pragma once
// cuBLASLt, opened when the first product is asked for. Linked, its 700 MB would be mapped and
// relocated at every start of a program, also where it runs on the CPU or only refuses a file.

#include <cublasLt.h>

namespace ops::cuda {

#define OPS_CUBLASLT_FUNCTIONS(F)         \
  F(cublasLtCreate)                       \
  F(cublasLtDestroy)                      \
  F(cublasLtGetStatusString)              \
  F(cublasLtGetVersion)                   \
  F(cublasLtMatmul)                       \
  F(cublasLtMatmulAlgoCheck)              \
  F(cublasLtMatmulAlgoGetHeuristic)       \
  F(cublasLtMatmulDescCreate)             \
  F(cublasLtMatmulDescDestroy)            \
  F(cublasLtMatmulDescSetAttribute)       \
  F(cublasLtMatmulPreferenceCreate)       \
  F(cublasLtMatmulPreferenceDestroy)      \
  F(cublasLtMatmulPreferenceSetAttribute) \
  F(cublasLtMatrixLayoutCreate)           \
  F(cublasLtMatrixLayoutDestroy)

struct cublaslt_functions {
#define OPS_MEMBER(name) decltype(&::name) name = nullptr;
  OPS_CUBLASLT_FUNCTIONS(OPS_MEMBER)
#undef OPS_MEMBER
};

// Those of the library that the loader finds, else of the one that this was built with. It stays
// open. Throws latency::error when there is none, or one that lacks a function. Any thread.
[[nodiscard]] const cublaslt_functions& cublaslt();

}  // namespace ops::cuda
