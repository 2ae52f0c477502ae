#pragma once
// What torch.save has written since PyTorch 1.6: a zip file with the entries <root>/data.pkl, a
// pickle of (nested) dictionaries whose tensors refer to storages; <root>/data/<key>, the bytes of
// each storage; <root>/version, and since 2.1 <root>/byteorder.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "pipeline_reference/checkpoint/tensor_entry.hpp"

namespace checkpoint {

// Every tensor that the dictionaries, lists and tuples of the file hold, named by the keys on the
// way to it joined with dots; other values are passed over. Tensors may share storages. The bytes
// are untrusted: afterwards every element that an entry's strides reach lies inside `bytes`, no
// entry has more elements than its storage, and names are unique. Throws latency::error naming
// `path` and the place: for a pickle with anything but tensors and plain values, and for tensors
// that are quantized, sparse, conjugated or otherwise more than a view of a storage.
[[nodiscard]] std::vector<tensor_entry> parse_pytorch(const std::string& path,
                                                      std::span<const std::byte> bytes);

}  // namespace checkpoint
