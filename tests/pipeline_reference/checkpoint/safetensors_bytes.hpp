#pragma once
// safetensors files made by hand, byte by byte, good and bad.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace checkpoint::testing {

// length + header + data, with a length that may lie.
inline std::string safetensors_bytes(std::uint64_t claimed_length, const std::string& header,
                                     const std::string& data) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(claimed_length >> (8 * i) & 0xff);
  return out + header + data;
}

inline std::string safetensors_bytes(const std::string& header, const std::string& data) {
  return safetensors_bytes(header.size(), header, data);
}

inline std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace checkpoint::testing
