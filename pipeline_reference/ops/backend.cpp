#include "pipeline_reference/ops/backend.hpp"

#include "latency/error.hpp"
#include "pipeline_reference/ops/cpu/cpu_backend.hpp"

namespace ops {

std::unique_ptr<backend> backend::beside() const {
  return make_backend(facts().type, 1);
}

std::unique_ptr<backend> make_backend(const std::string& device, int host_threads) {
  if (device == "cpu") return std::make_unique<backend_of<cpu::cpu_backend>>(host_threads);
  if (device == "cuda") return make_cuda_backend();
  throw latency::error("no back end is called '" + device + "'");
}

}  // namespace ops
