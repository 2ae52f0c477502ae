#include "pipeline_reference/ops/backend.hpp"
#include "pipeline_reference/ops/cuda/cuda_backend.hpp"

namespace ops {

std::unique_ptr<backend> make_cuda_backend() {
  return std::make_unique<backend_of<cuda::cuda_backend>>();
}

}  // namespace ops
