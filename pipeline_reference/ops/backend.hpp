#pragma once
// A back end by the name of its device: memory and operations, for programs that let the user
// choose.

#include <memory>
#include <string>
#include <utility>

#include "pipeline_reference/ops/device_facts.hpp"
#include "pipeline_reference/ops/tensor.hpp"
#include "pipeline_reference/ops/transformer_ops.hpp"
#include "pipeline_reference/ops/vae_ops.hpp"

namespace ops {

// One thread at a time per stream.
class backend {
 public:
  virtual ~backend() = default;
  [[nodiscard]] virtual ops::memory& memory() = 0;
  [[nodiscard]] virtual transformer_ops& transformer() = 0;
  [[nodiscard]] virtual vae_ops& vae() = 0;
  [[nodiscard]] virtual device_facts facts() const = 0;
  // Another one of the same device, for another thread: with a stream of its own (one host thread
  // on the CPU), and memory that both can use.
  [[nodiscard]] virtual std::unique_ptr<backend> beside() const;
};

// `device` is "cpu" or "cuda". `host_threads`: that the CPU computes with, 0 for one per core.
// Throws latency::error where this build or this machine lacks it.
[[nodiscard]] std::unique_ptr<backend> make_backend(const std::string& device,
                                                    int host_threads = 0);

// Defined by the CUDA back end, or by what stands for it in a build without.
[[nodiscard]] std::unique_ptr<backend> make_cuda_backend();

// A back end made of an object that has the four.
template <class Parts>
class backend_of final : public backend {
 public:
  template <class... Arguments>
  explicit backend_of(Arguments&&... arguments) : parts_(std::forward<Arguments>(arguments)...) {}

  [[nodiscard]] ops::memory& memory() override { return parts_.memory(); }
  [[nodiscard]] transformer_ops& transformer() override { return parts_.transformer(); }
  [[nodiscard]] vae_ops& vae() override { return parts_.vae(); }
  [[nodiscard]] device_facts facts() const override { return parts_.facts(); }

 private:
  Parts parts_;
};

}  // namespace ops
