#pragma once
// The header of a safetensors file: 8 bytes little-endian length, then a JSON object
// {"tensor name": {"dtype": "BF16", "shape": [..], "data_offsets": [begin, end]}, "__metadata__":
// {"key": "text"}}.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "pipeline_reference/checkpoint/tensor_entry.hpp"

namespace checkpoint {

// The tensors of a file, in the order of their data, which they cover without holes or overlaps.
// The bytes are untrusted: afterwards entries lie inside `bytes`, sizes equal shape x dtype and
// names are unique. Throws latency::error naming `path`, the tensor, what was expected and what was
// found.
std::vector<tensor_entry> parse_safetensors(const std::string& path,
                                            std::span<const std::byte> bytes);

}  // namespace checkpoint
