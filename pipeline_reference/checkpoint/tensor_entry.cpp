#include "pipeline_reference/checkpoint/tensor_entry.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <functional>
#include <numeric>

namespace checkpoint {
namespace {

struct dtype_row {
  std::string_view name;
  std::size_t bytes;
};
// In the order of the enumeration.
constexpr std::array<dtype_row, 17> dtypes{{{"BOOL", 1},
                                            {"U8", 1},
                                            {"I8", 1},
                                            {"F8_E5M2", 1},
                                            {"F8_E4M3", 1},
                                            {"I16", 2},
                                            {"U16", 2},
                                            {"F16", 2},
                                            {"BF16", 2},
                                            {"I32", 4},
                                            {"U32", 4},
                                            {"F32", 4},
                                            {"F64", 8},
                                            {"I64", 8},
                                            {"U64", 8},
                                            {"C64", 8},
                                            {"C128", 16}}};

}  // namespace

std::string_view dtype_name(tensor_dtype dtype) {
  return dtypes[static_cast<std::size_t>(dtype)].name;
}

std::size_t dtype_bytes(tensor_dtype dtype) {
  return dtypes[static_cast<std::size_t>(dtype)].bytes;
}

std::optional<tensor_dtype> dtype_of_name(std::string_view name) {
  for (std::size_t i = 0; i < dtypes.size(); ++i)
    if (dtypes[i].name == name) return static_cast<tensor_dtype>(i);
  return std::nullopt;
}

bool is_weight_dtype(tensor_dtype dtype) {
  return dtype == tensor_dtype::f32 || dtype == tensor_dtype::f16 || dtype == tensor_dtype::bf16;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ","));
}

std::int64_t element_count(std::span<const std::int64_t> shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

std::int64_t element_count(const std::vector<expected_tensor>& tensors) {
  std::int64_t total = 0;
  for (const expected_tensor& tensor : tensors) total += element_count(tensor.shape);
  return total;
}

}  // namespace checkpoint
