#pragma once
// A key and a value attached to a span, an instant or an async span.
// Keys and text values are static strings, or come from latency::intern(): only the pointer is kept
// until the record is collected.

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace latency {

struct attribute {
  enum class kind : std::uint8_t { integer, real, text };

  constexpr attribute() noexcept = default;  // "no attribute"
  template <class T, std::enable_if_t<std::is_integral_v<T> || std::is_enum_v<T>, int> = 0>
  constexpr attribute(const char* key_, T value) noexcept
      : key(key_), integer(static_cast<std::int64_t>(value)), type(kind::integer) {}
  template <class T, std::enable_if_t<std::is_floating_point_v<T>, int> = 0>
  constexpr attribute(const char* key_, T value) noexcept
      : key(key_), real(static_cast<double>(value)), type(kind::real) {}
  constexpr attribute(const char* key_, const char* value) noexcept
      : key(key_), text(value), type(kind::text) {}

  const char* key = nullptr;
  union {
    std::int64_t integer = 0;
    double real;
    const char* text;
  };
  kind type = kind::integer;
};

inline constexpr attribute no_attribute{};
inline constexpr std::uint32_t max_attributes = 8;  // of one span; more are left out

}  // namespace latency
