#pragma once
// The CPU back end: memory, threads and operations in one object. Thread-safe as its parts are:
// one thread at a time per stream (the CPU has one).

#include "pipeline_reference/ops/cpu/cpu_memory.hpp"
#include "pipeline_reference/ops/cpu/cpu_transformer_ops.hpp"
#include "pipeline_reference/ops/cpu/cpu_vae_ops.hpp"
#include "pipeline_reference/ops/cpu/thread_pool.hpp"
#include "pipeline_reference/ops/device_facts.hpp"

namespace ops::cpu {

class cpu_backend {
 public:
  // 0 threads: one per core that this process may use.
  explicit cpu_backend(int threads = 0) : pool_(threads), transformer_(pool_), vae_(pool_) {}

  [[nodiscard]] cpu_memory& memory() noexcept { return memory_; }
  [[nodiscard]] cpu_transformer_ops& transformer() noexcept { return transformer_; }
  [[nodiscard]] cpu_vae_ops& vae() noexcept { return vae_; }
  [[nodiscard]] thread_pool& pool() noexcept { return pool_; }
  [[nodiscard]] device_facts facts() const {
    const std::int64_t bytes = cpu_memory::machine_bytes();
    return {"cpu", "", "cpu, Eigen, fp32", pool_.threads(), bytes, bytes};
  }

 private:
  cpu_memory memory_;
  thread_pool pool_;
  cpu_transformer_ops transformer_;
  cpu_vae_ops vae_;
};

}  // namespace ops::cpu
