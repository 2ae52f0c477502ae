#pragma once
// Memory of the current device, as the seam wants it.

#include "pipeline_reference/ops/cuda/own_stream.hpp"
#include "pipeline_reference/ops/device_facts.hpp"
#include "pipeline_reference/ops/tensor.hpp"

namespace ops::cuda {

// Of the current device, and of its memory now.
[[nodiscard]] device_facts current_device_facts();

class cuda_memory final : public memory {
 public:
  explicit cuda_memory(const own_stream& own) : own_(own) {}

  // Out of memory says what was needed and what was free. May wait for the device.
  [[nodiscard]] void* allocate(std::int64_t bytes) override;
  void release(void* data) noexcept override;
  void upload(void* to, const void* from_host, std::int64_t bytes, stream s) override;
  void download(void* to_host, const void* from, std::int64_t bytes, stream s) override;
  void copy(void* to, const void* from, std::int64_t bytes, stream s) override;
  void zero(void* to, std::int64_t bytes, stream s) override;
  void synchronize(stream s) override;
  [[nodiscard]] bool host_accessible() const noexcept override { return false; }
  // bf16 only.
  [[nodiscard]] bool fill_uniform(const tensor& to, const uniform_numbers& numbers,
                                  stream s) override;

 private:
  const own_stream& own_;
};

}  // namespace ops::cuda
