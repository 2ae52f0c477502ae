#pragma once
// Where a model's weights come from: a checkpoint, or random numbers of the same shapes.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pipeline_reference/checkpoint/tensor_entry.hpp"
#include "pipeline_reference/ops/tensor.hpp"

namespace checkpoint {

// One thread at a time.
class weight_source {
 public:
  virtual ~weight_source() = default;
  // Throws latency::error unless the source has exactly these tensors.
  virtual void expect(const std::vector<expected_tensor>& expected) const = 0;
  // Rows of one tensor in fp32, row-major: as many from `first` on as fill `out`. A row is what one
  // index of the first dimension selects. So a large tensor need not stand in memory as a whole:
  // single rows can be gathered, or all of them converted piece by piece. Throws latency::error
  // when the tensor is absent or shaped otherwise, or lacks these rows.
  virtual void read_rows(const std::string& name, std::span<const std::int64_t> shape,
                         std::int64_t first, std::span<float> out) const = 0;
  // Likewise in bf16, rounded once to nearest, ties to even.
  virtual void read_rows_bf16(const std::string& name, std::span<const std::int64_t> shape,
                              std::int64_t first, std::span<std::uint16_t> out) const;
  // Whether bf16 holds the tensor exactly, because it is stored so. False for one that is absent.
  [[nodiscard]] virtual bool holds_bf16(const std::string&) const { return false; }
  // What read_rows() of the whole tensor would make, when that is random numbers.
  [[nodiscard]] virtual std::optional<ops::uniform_numbers> as_random(
      const std::string&, std::span<const std::int64_t>) const {
    return std::nullopt;
  }
  // The whole tensor in fp32; `out` has room for exactly that.
  void read(const std::string& name, std::span<const std::int64_t> shape,
            std::span<float> out) const;
};

// Any tensor of any shape: a function of seed, name and shape. Matrices and convolution kernels are
// uniform with variance 1 / fan-in, so that activations keep their size from layer to layer; gains
// of norms lie near 1, biases and modulations near 0.
class random_weights final : public weight_source {
 public:
  explicit random_weights(std::uint64_t seed) : seed_(seed) {}
  void expect(const std::vector<expected_tensor>&) const override {}
  void read_rows(const std::string& name, std::span<const std::int64_t> shape, std::int64_t first,
                 std::span<float> out) const override;
  [[nodiscard]] std::optional<ops::uniform_numbers> as_random(
      const std::string& name, std::span<const std::int64_t> shape) const override;

 private:
  std::uint64_t seed_;
};

}  // namespace checkpoint
