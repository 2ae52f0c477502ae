#pragma once
// A back end that computes nothing and counts the memory that would be allocated: a model made on
// it tells what it needs, before anything is taken from the device.

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "pipeline_reference/ops/backend.hpp"

namespace ops {

// Hands out addresses that nothing may be read from or written to. One thread at a time.
class planned_memory final : public memory {
 public:
  [[nodiscard]] std::int64_t peak_bytes() const { return peak_bytes_; }

  [[nodiscard]] void* allocate(std::int64_t bytes) override;
  void release(void* data) noexcept override;
  void upload(void*, const void*, std::int64_t, stream) override {}
  void download(void*, const void*, std::int64_t, stream) override {}
  void copy(void*, const void*, std::int64_t, stream) override {}
  void zero(void*, std::int64_t, stream) override {}
  void synchronize(stream) override {}
  [[nodiscard]] bool host_accessible() const noexcept override { return false; }
  [[nodiscard]] bool fill_uniform(const tensor&, const uniform_numbers&, stream) override {
    return true;
  }

 private:
  std::unordered_map<void*, std::int64_t> allocated_;
  std::uintptr_t next_ = std::uintptr_t{1} << 40;
  std::int64_t bytes_ = 0, peak_bytes_ = 0;
};

// With the storage and the workspaces of `model`, which must outlive it.
class planned_backend final : public backend {
 public:
  explicit planned_backend(backend& model);
  ~planned_backend() override;

  [[nodiscard]] planned_memory& memory() override { return *memory_; }
  [[nodiscard]] transformer_ops& transformer() override { return *transformer_; }
  [[nodiscard]] vae_ops& vae() override { return *vae_; }
  [[nodiscard]] device_facts facts() const override { return model_.facts(); }
  // Counts into the same memory.
  [[nodiscard]] std::unique_ptr<backend> beside() const override;

 private:
  planned_backend(backend& model, std::shared_ptr<planned_memory> memory);

  backend& model_;
  std::shared_ptr<planned_memory> memory_;
  std::unique_ptr<transformer_ops> transformer_;
  std::unique_ptr<vae_ops> vae_;
};

}  // namespace ops
