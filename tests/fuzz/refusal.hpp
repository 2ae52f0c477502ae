#pragma once
// What every reader promises about an error.

#include <cstdlib>
#include <string>
#include <string_view>

#include "latency/error.hpp"

namespace fuzz {

// Aborts unless the error is one line that begins with the name of what was read.
inline void require_one_line(const latency::error& refused, std::string_view name) {
  const std::string_view line = refused.what();
  if (line.substr(0, name.size()) != name || line.size() == name.size()) std::abort();
  if (line.find('\n') != std::string_view::npos) std::abort();
}

}  // namespace fuzz
