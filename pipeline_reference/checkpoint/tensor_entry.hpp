#pragma once
// Tensors as files describe them: names, shapes, element types and where their bytes lie.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace checkpoint {

using tensor_shape = std::vector<std::int64_t>;

enum class tensor_dtype {
  boolean,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  f64,
  i64,
  u64,
  c64,
  c128
};
inline constexpr std::size_t most_dimensions = 32;  // of a tensor in a file

std::string_view dtype_name(tensor_dtype dtype);  // as safetensors files spell it: "BF16"
std::size_t dtype_bytes(tensor_dtype dtype);
std::optional<tensor_dtype> dtype_of_name(std::string_view name);
// Whether elements widen to fp32 without loss: F32, F16 and BF16.
bool is_weight_dtype(tensor_dtype dtype);
std::string shape_text(std::span<const std::int64_t> shape);  // "[64,16,3,3,3]"

struct tensor_entry {
  std::string name;
  tensor_dtype dtype{};
  tensor_shape shape;                 // last dimension fastest; empty for a scalar
  std::vector<std::int64_t> strides;  // in elements, one per dimension; empty: row-major
  std::int64_t elements = 1;          // product of shape
  std::uint64_t offset_bytes = 0;     // of element [0, 0, ...] in the file

  [[nodiscard]] std::uint64_t size_bytes() const {
    return static_cast<std::uint64_t>(elements) * dtype_bytes(dtype);
  }
};

struct expected_tensor {
  std::string name;
  tensor_shape shape;
};

// Product of the sizes, which must fit 64 bits; of all tensors together.
std::int64_t element_count(std::span<const std::int64_t> shape);
std::int64_t element_count(const std::vector<expected_tensor>& tensors);

}  // namespace checkpoint
