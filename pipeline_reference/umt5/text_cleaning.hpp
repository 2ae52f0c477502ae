#pragma once
// A prompt as the published text encoder sees it: its text repaired, its HTML references resolved,
// every run of blanks one space.

#include <string>
#include <string_view>

namespace umt5 {

[[nodiscard]] std::string clean_prompt(std::string_view utf8);

}  // namespace umt5
