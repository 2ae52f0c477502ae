#pragma once
// Times that a trace writes as decimal microseconds, as whole nanoseconds.

#include <cstdint>
#include <optional>
#include <string_view>

namespace latency::timeline {

// Of a JSON number, or a JSON text that holds one; anything may follow it, as in a parser's token.
// The digits are taken as they are, never through a double; beyond the nanosecond they are rounded,
// half away from zero. Nothing: not a number, or further from zero than time_limit_ns.
[[nodiscard]] std::optional<std::int64_t> nanoseconds_of_microseconds(
    std::string_view token) noexcept;

}  // namespace latency::timeline
