#pragma once
// fp32 values between host memory and contiguous f32 or bf16 tensors of a back end. For set-up and
// for reading results: bf16 goes through a temporary host buffer. Throws latency::error for other
// dtypes and for a size that does not match.

#include <span>

#include "pipeline_reference/ops/tensor.hpp"

namespace ops {

// bf16 is rounded to nearest, ties to even. The values may be reused when the call returns.
void upload_floats(memory& where, const tensor& to, std::span<const float> values, stream s = {});
// Waits for the stream.
void download_floats(memory& where, const const_tensor& from, std::span<float> values,
                     stream s = {});

}  // namespace ops
