#pragma once
// How a record looks in a thread's buffer and in a journal: 64-bit words, the first of which says
// what follows. In a buffer, names, keys and texts are pointers (48 bits); in a journal, string
// ids.

#include <cstdint>

#include "../attribute.hpp"

namespace latency::detail {

enum class record_kind : std::uint8_t {
  span = 1,         // [head, start, end, id, parent] + attributes
  instant = 2,      // [head, time, span] + attributes
  counter = 3,      // [head, time, value as double bits]
  async_begin = 4,  // [head, time, id, parent] + attributes
  async_end = 5,    // [head, time, id]
  row = 6  // [head, time] + payload; head's name is a row_kind, head's attributes the payload words
};

enum class row_kind : std::uint8_t { block = 1, prompt_switch = 2, pixel_frame = 3, memory = 4 };

inline constexpr std::uint64_t pointer_mask = (std::uint64_t{1} << 48) - 1;
inline constexpr std::uint32_t max_row_words = 8;
inline constexpr std::uint32_t max_record_words = 5 + 2 * max_attributes;

// head: name (48 bits) | kind (4) | flags (4) | attribute count or payload words (8)
[[nodiscard]] inline std::uint64_t pack_head(std::uint64_t name, record_kind kind,
                                             std::uint32_t flags, std::uint32_t count) noexcept {
  return name | static_cast<std::uint64_t>(kind) << 48 | static_cast<std::uint64_t>(flags) << 52 |
         static_cast<std::uint64_t>(count) << 56;
}
[[nodiscard]] inline std::uint64_t head_name(std::uint64_t head) noexcept {
  return head & pointer_mask;
}
[[nodiscard]] inline record_kind head_kind(std::uint64_t head) noexcept {
  return static_cast<record_kind>(head >> 48 & 0xf);
}
[[nodiscard]] inline std::uint32_t head_flags(std::uint64_t head) noexcept {
  return static_cast<std::uint32_t>(head >> 52 & 0xf);
}
[[nodiscard]] inline std::uint32_t head_count(std::uint64_t head) noexcept {
  return static_cast<std::uint32_t>(head >> 56);
}

// Words before the attributes, 0 for an unknown kind.
[[nodiscard]] inline std::uint32_t fixed_words(record_kind kind) noexcept {
  switch (kind) {
    case record_kind::span:
      return 5;
    case record_kind::async_begin:
      return 4;
    case record_kind::instant:
    case record_kind::counter:
    case record_kind::async_end:
      return 3;
    case record_kind::row:
      return 2;
  }
  return 0;
}

// Words of a whole record, 0 when the head makes no sense.
[[nodiscard]] inline std::uint32_t record_words(std::uint64_t head) noexcept {
  const record_kind kind = head_kind(head);
  const std::uint32_t fixed = fixed_words(kind), count = head_count(head);
  if (fixed == 0) return 0;
  if (kind == record_kind::row) return count <= max_row_words ? fixed + count : 0;
  return count <= max_attributes ? fixed + 2 * count : 0;
}

// An attribute is two words: key (48 bits) | type (8), then the value.
[[nodiscard]] inline std::uint64_t pack_key(std::uint64_t key, attribute::kind type) noexcept {
  return key | static_cast<std::uint64_t>(type) << 56;
}
[[nodiscard]] inline std::uint8_t key_type(std::uint64_t word) noexcept {
  return static_cast<std::uint8_t>(word >> 56);
}

[[nodiscard]] inline std::uint64_t to_word(const char* text) noexcept {
  return reinterpret_cast<std::uintptr_t>(text) & pointer_mask;
}
[[nodiscard]] inline const char* to_pointer(std::uint64_t word) noexcept {
  return reinterpret_cast<const char*>(static_cast<std::uintptr_t>(word & pointer_mask));
}

}  // namespace latency::detail
