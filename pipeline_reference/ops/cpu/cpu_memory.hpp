#pragma once
// Host memory as a back end's memory: 64-byte aligned, every call finished when it returns.

#include "pipeline_reference/ops/tensor.hpp"

namespace ops::cpu {

class cpu_memory : public memory {
 public:
  // Of this machine, in use or not.
  [[nodiscard]] static std::int64_t machine_bytes();
  [[nodiscard]] void* allocate(std::int64_t bytes) override;
  void release(void* data) noexcept override;
  void upload(void* to, const void* from_host, std::int64_t bytes, stream s) override;
  void download(void* to_host, const void* from, std::int64_t bytes, stream s) override;
  void copy(void* to, const void* from, std::int64_t bytes, stream s) override;
  void zero(void* to, std::int64_t bytes, stream s) override;
  void synchronize(stream) override {}
  [[nodiscard]] bool host_accessible() const noexcept override { return true; }
};

}  // namespace ops::cpu
