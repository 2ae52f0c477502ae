#include "pipeline_reference/ops/cuda/cublaslt.hpp"

#include <dlfcn.h>

#include <string>

#include "latency/error.hpp"

namespace ops::cuda {
namespace {

cublaslt_functions open_cublaslt() {
  const std::string name = "libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR);
  void* library = dlopen(name.c_str(), RTLD_NOW);
  if (library == nullptr) library = dlopen(OPS_CUBLASLT_BUILT_WITH, RTLD_NOW);
  if (library == nullptr)
    throw latency::error("cuda back end: " + name + " was not found: " + dlerror());
  cublaslt_functions found;
#define OPS_LOOK_UP(function)                                                             \
  found.function = reinterpret_cast<decltype(found.function)>(dlsym(library, #function)); \
  if (found.function == nullptr)                                                          \
    throw latency::error("cuda back end: " + name + " has no " #function);
  OPS_CUBLASLT_FUNCTIONS(OPS_LOOK_UP)
#undef OPS_LOOK_UP
  return found;
}

}  // namespace

const cublaslt_functions& cublaslt() {
  static const cublaslt_functions found = open_cublaslt();
  return found;
}

}  // namespace ops::cuda
