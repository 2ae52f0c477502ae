#pragma once
// Elements of a stored tensor as fp32 or bf16.

#include <cstdint>
#include <span>

#include "pipeline_reference/checkpoint/tensor_entry.hpp"

namespace checkpoint {

// Neither need the bytes be aligned. The dtype is one that is_weight_dtype() accepts: the caller
// has checked that. fp32 holds elements exactly; bf16 is rounded to nearest, ties to even.

// Elements that follow each other, from `data` on.
void convert_elements(tensor_dtype dtype, const std::byte* data, std::span<float> out);
void convert_elements(tensor_dtype dtype, const std::byte* data, std::span<std::uint16_t> out);

// Elements [first, first + out.size()) in row-major order of a tensor that has strides. `data` is
// its element [0, 0, ...]; the caller has checked that the strides reach nothing else.
void gather_elements(const tensor_entry& tensor, const std::byte* data, std::int64_t first,
                     std::span<float> out);
void gather_elements(const tensor_entry& tensor, const std::byte* data, std::int64_t first,
                     std::span<std::uint16_t> out);

}  // namespace checkpoint
