#pragma once
// Elements of a stored tensor as fp32 or bf16.

#include <cstdint>
#include <span>

#include "pipeline_reference/checkpoint/tensor_entry.hpp"

namespace checkpoint {

// Elements [first, first + out.size()) of the tensor in row-major order, whatever its strides are.
// fp32 holds them exactly; bf16 is rounded to nearest, ties to even. `data` is the tensor's element
// [0, 0, ...]; it need not be aligned. The dtype is one that is_weight_dtype() accepts, the
// elements lie inside the file: the caller has checked both.
void convert_elements(const tensor_entry& tensor, const std::byte* data, std::int64_t first,
                      std::span<float> out);
void convert_elements(const tensor_entry& tensor, const std::byte* data, std::int64_t first,
                      std::span<std::uint16_t> out);

}  // namespace checkpoint
