#pragma once
// What a test program has allocated with new and not freed: link allocated_bytes.cpp, which
// replaces the operators.

#include <cstdint>

namespace latency_test {

[[nodiscard]] std::int64_t allocated_bytes() noexcept;

}  // namespace latency_test
