#pragma once
// Weights into the memory of a back end.

#include <string>

#include "pipeline_reference/checkpoint/weight_source.hpp"
#include "pipeline_reference/ops/tensor.hpp"

namespace checkpoint {

// Reads a tensor into `to`: contiguous, f32 or bf16, with as many elements as `shape`. Cost: one
// pass, some 4 MB at a time, so that host memory does not grow with the tensor; where the host sees
// the back end's memory there is no copy besides, and random weights are made by the back end where
// it can. Throws as weight_source::read_rows.
void upload_weight(const weight_source& source, const std::string& name, const tensor_shape& shape,
                   ops::memory& memory, const ops::tensor& to);

}  // namespace checkpoint
