#pragma once
// Writes fp32 tensors (saved latents, decoded pixels) as a safetensors file.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "pipeline_reference/checkpoint/tensor_entry.hpp"

namespace checkpoint {

struct tensor_to_write {
  std::string name;
  tensor_shape shape;
  std::span<const float> values;  // product of shape values, row-major
};

// Writes all tensors in the order given, under a temporary name that is then renamed. Throws
// latency::error when a shape does not match its values, when a name stands there twice, or when
// the file cannot be written.
void write_safetensors(const std::string& path, const std::vector<tensor_to_write>& tensors);

}  // namespace checkpoint
