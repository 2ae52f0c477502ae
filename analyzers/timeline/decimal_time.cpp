#include "analyzers/timeline/decimal_time.hpp"

#include <charconv>

#include "latency/saturating.hpp"

namespace latency::timeline {
namespace {

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// The digits before and behind a decimal point, as they stand in the file.
struct digits {
  std::string_view whole, fraction;
  [[nodiscard]] std::int64_t size() const noexcept {
    return static_cast<std::int64_t>(whole.size() + fraction.size());
  }
  [[nodiscard]] int at(std::int64_t i) const noexcept {
    const auto index = static_cast<std::size_t>(i);
    return (index < whole.size() ? whole[index] : fraction[index - whole.size()]) - '0';
  }
};

// The value of the first `count` digits (zeros beyond the last), rounded by the next one.
std::optional<std::int64_t> value_of(const digits& all, std::int64_t count) noexcept {
  std::int64_t value = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (i >= all.size() && value == 0) break;  // zeros without end
    if (value > time_limit_ns / 10) return std::nullopt;
    value = value * 10 + (i < all.size() ? all.at(i) : 0);
  }
  if (count >= 0 && count < all.size() && all.at(count) >= 5) ++value;
  return value;
}

std::string_view take_digits(std::string_view& from) noexcept {
  std::size_t length = 0;
  while (length < from.size() && is_digit(from[length])) ++length;
  const std::string_view taken = from.substr(0, length);
  from.remove_prefix(length);
  return taken;
}

}  // namespace

std::optional<std::int64_t> nanoseconds_of_microseconds(std::string_view token) noexcept {
  if (!token.empty() && token[0] == '"') token.remove_prefix(1);
  const bool negative = !token.empty() && token[0] == '-';
  if (negative) token.remove_prefix(1);
  digits all;
  all.whole = take_digits(token);
  if (all.whole.empty()) return std::nullopt;
  if (!token.empty() && token[0] == '.') {
    token.remove_prefix(1);
    all.fraction = take_digits(token);
  }
  std::int64_t exponent = 0;
  if (!token.empty() && (token[0] == 'e' || token[0] == 'E')) {
    token.remove_prefix(1);
    if (!token.empty() && token[0] == '+') token.remove_prefix(1);
    int written = 0;
    const auto read = std::from_chars(token.data(), token.data() + token.size(), written);
    if (read.ec != std::errc{}) return std::nullopt;
    exponent = written;
  }
  constexpr std::int64_t digits_of_a_microsecond = 3;
  constexpr std::size_t surely_no_overflow = 16;  // microseconds since 1970 take as many
  if (exponent == 0 && all.whole.size() <= surely_no_overflow &&
      all.fraction.size() <= digits_of_a_microsecond) {  // nearly always
    std::uint64_t digits = 0;
    for (const char c : all.whole) digits = digits * 10 + static_cast<unsigned char>(c - '0');
    for (const char c : all.fraction) digits = digits * 10 + static_cast<unsigned char>(c - '0');
    for (std::size_t i = all.fraction.size(); i < digits_of_a_microsecond; ++i) digits *= 10;
    if (digits > static_cast<std::uint64_t>(time_limit_ns)) return std::nullopt;
    const auto ns = static_cast<std::int64_t>(digits);
    return negative ? -ns : ns;
  }
  const auto value = value_of(
      all, static_cast<std::int64_t>(all.whole.size()) + exponent + digits_of_a_microsecond);
  if (!value || *value > time_limit_ns) return std::nullopt;
  return negative ? -*value : *value;
}

}  // namespace latency::timeline
