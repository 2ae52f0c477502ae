#pragma once
// Little-endian numbers out of untrusted bytes.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace checkpoint {

// Whether [offset, offset + size) lies inside `whole` bytes; nothing wraps.
[[nodiscard]] constexpr bool lies_inside(std::uint64_t offset, std::uint64_t size,
                                         std::uint64_t whole) {
  return offset <= whole && size <= whole - offset;
}

// The caller has checked that `bytes` holds [at, at + sizeof(T)).
template <class T>
[[nodiscard]] T little_endian(std::span<const std::byte> bytes, std::uint64_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = sizeof(T); i-- > 0;)
    value = value << 8 | std::to_integer<std::uint64_t>(bytes[at + i]);
  return static_cast<T>(value);
}

[[nodiscard]] inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace checkpoint
