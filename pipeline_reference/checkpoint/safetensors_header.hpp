#pragma once
// The header of a safetensors file: 8 bytes little-endian length, then a JSON object
// {"tensor name": {"dtype": "BF16", "shape": [..], "data_offsets": [begin, end]}, "__metadata__":
// {"key": "text"}}.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "pipeline_reference/checkpoint/safetensors.hpp"

namespace checkpoint {

struct safetensors_header {
  std::vector<tensor_entry>
      entries;  // in the order of the data, which they cover without holes or overlaps
  std::size_t data_offset_bytes = 0;  // of the first byte after the header
};

// Checks everything that later code relies on: entries lie inside `bytes`, sizes equal shape x
// dtype, names are unique. Throws latency::error naming `path`.
safetensors_header parse_safetensors_header(const std::string& path,
                                            std::span<const std::byte> bytes);

}  // namespace checkpoint
