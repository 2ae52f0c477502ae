#pragma once
// Which kind of tensor file some bytes are.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace checkpoint {

enum class file_format : std::uint8_t { safetensors, pytorch };
[[nodiscard]] std::string_view format_name(file_format format);  // "safetensors", "PyTorch"

// Looks at the first bytes, never at the name. Throws latency::error that says what the file is
// instead, where that can be told, and what to do.
[[nodiscard]] file_format detect_format(const std::string& path, std::span<const std::byte> bytes);

}  // namespace checkpoint
