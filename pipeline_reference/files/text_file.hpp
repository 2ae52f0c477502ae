#pragma once
// Whole text files under a size limit, and texts made fit for a one-line message.

#include <cstddef>
#include <string>
#include <string_view>

namespace files {

// The bytes of a regular file. Throws latency::error when it is missing, no regular file,
// unreadable or longer than `max_bytes`.
[[nodiscard]] std::string read_text_file(const std::string& path, std::size_t max_bytes);

// Control characters and bytes that are not ASCII as \xNN, cut to 60 bytes with "..." at the end.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace files
