#pragma once
// The closed list of functions, classes and constants that a state dict of torch.save may name.

#include <cstdint>
#include <optional>
#include <span>

#include "pipeline_reference/checkpoint/pickle_reader.hpp"
#include "pipeline_reference/checkpoint/tensor_entry.hpp"

namespace checkpoint {

// What a global is to a reader of tensors.
enum class global_role : std::uint8_t {
  tensor,        // torch._utils._rebuild_tensor_v2: a view of a storage
  typed_tensor,  // _rebuild_tensor_v3: likewise, of a dtype that its storage does not tell
  parameter,     // a wrapper around a tensor
  storage,       // the class of a storage, which tells the dtype of its elements
  dtype,         // a constant such as torch.float32
  other          // no tensor
};
struct pytorch_global {
  std::string_view name;
  global_role role;
  tensor_dtype dtype = tensor_dtype::u8;  // of a storage or a constant
};

// Both in the same order: pickle_value::integer of a global or a call is the index.
[[nodiscard]] std::span<const allowed_global> allowed_pytorch_globals();
[[nodiscard]] const pytorch_global& pytorch_global_at(std::int64_t index);

}  // namespace checkpoint
