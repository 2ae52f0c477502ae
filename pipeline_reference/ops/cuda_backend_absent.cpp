// Stands for the CUDA back end in builds without.
#include "latency/error.hpp"
#include "pipeline_reference/ops/backend.hpp"

namespace ops {

std::unique_ptr<backend> make_cuda_backend() {
  throw latency::error("this build has no CUDA back end");
}

}  // namespace ops
