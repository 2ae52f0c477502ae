#pragma once
// Arithmetic on times that come from files and may be absurd: nothing here overflows.

#include <algorithm>
#include <cstdint>
#include <limits>

namespace latency {

// Times further from zero than this (73 years) are not times: differences of two that are inside
// always fit into int64.
inline constexpr std::int64_t time_limit_ns = std::int64_t{1} << 61;

// a + b, held at the limits of int64.
[[nodiscard]] inline std::int64_t saturating_add(std::int64_t a, std::int64_t b) noexcept {
  using limits = std::numeric_limits<std::int64_t>;
  if (b > 0 && a > limits::max() - b) return limits::max();
  if (b < 0 && a < limits::min() - b) return limits::min();
  return a + b;
}

[[nodiscard]] inline bool is_time(std::int64_t time_ns) noexcept {
  return time_ns >= -time_limit_ns && time_ns <= time_limit_ns;
}

[[nodiscard]] inline std::int64_t clamp_time(std::int64_t time_ns) noexcept {
  return std::clamp(time_ns, -time_limit_ns, time_limit_ns);
}

}  // namespace latency
