#pragma once
// The memory of a back end, with a count of what would make a host wait.

#include <cstdint>

#include "pipeline_reference/ops/tensor.hpp"

namespace benchmarks {

// Hands every call on. One thread at a time.
class counted_memory final : public ops::memory {
 public:
  explicit counted_memory(ops::memory& inner) : inner_(inner) {}

  struct counts {
    std::int64_t allocations = 0, downloads = 0, waits = 0;
    counts operator-(const counts& before) const {
      return {allocations - before.allocations, downloads - before.downloads, waits - before.waits};
    }
  };
  [[nodiscard]] counts so_far() const { return counts_; }

  [[nodiscard]] void* allocate(std::int64_t bytes) override {
    ++counts_.allocations;
    return inner_.allocate(bytes);
  }
  void release(void* data) noexcept override { inner_.release(data); }
  void upload(void* to, const void* from_host, std::int64_t bytes, ops::stream s) override {
    inner_.upload(to, from_host, bytes, s);
  }
  void download(void* to_host, const void* from, std::int64_t bytes, ops::stream s) override {
    ++counts_.downloads;
    inner_.download(to_host, from, bytes, s);
  }
  void copy(void* to, const void* from, std::int64_t bytes, ops::stream s) override {
    inner_.copy(to, from, bytes, s);
  }
  void zero(void* to, std::int64_t bytes, ops::stream s) override { inner_.zero(to, bytes, s); }
  void synchronize(ops::stream s) override {
    ++counts_.waits;
    inner_.synchronize(s);
  }
  [[nodiscard]] bool host_accessible() const noexcept override { return inner_.host_accessible(); }
  [[nodiscard]] bool fill_uniform(const ops::tensor& to, const ops::uniform_numbers& numbers,
                                  ops::stream s) override {
    return inner_.fill_uniform(to, numbers, s);
  }

 private:
  ops::memory& inner_;
  counts counts_;
};

}  // namespace benchmarks
