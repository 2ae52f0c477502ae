#pragma once
// What a setting in the environment is made of: parts between separators.

#include <string_view>

namespace latency::detail {

// The part before the first separator, or all there is; it and the separator leave `rest`.
[[nodiscard]] inline std::string_view next_part(std::string_view& rest, char separator) noexcept {
  const std::size_t at = rest.find(separator);
  const std::string_view part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
  return part;
}

}  // namespace latency::detail
