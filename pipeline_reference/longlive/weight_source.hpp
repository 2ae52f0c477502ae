#pragma once
// Where a model's weights come from: a file, or a generator that needs none.

#include <span>
#include <string>

#include "pipeline_reference/longlive/safetensors.hpp"

namespace longlive {

class weight_source {
 public:
  virtual ~weight_source() = default;
  // Fills `out` with the tensor in fp32, row-major. Throws latency::error when it is absent or has
  // another shape.
  virtual void read(const std::string& name, std::span<const std::int64_t> shape,
                    std::span<float> out) const = 0;
};

// Tensors of a safetensors file, optionally under names that carry a prefix there ("model.").
class safetensors_weights final : public weight_source {
 public:
  explicit safetensors_weights(const safetensors_file& file, std::string prefix = "")
      : file_(file), prefix_(std::move(prefix)) {}
  void read(const std::string& name, std::span<const std::int64_t> shape,
            std::span<float> out) const override {
    file_.read_f32(prefix_ + name, shape, out);
  }

 private:
  const safetensors_file& file_;  // outlives this
  std::string prefix_;
};

}  // namespace longlive
