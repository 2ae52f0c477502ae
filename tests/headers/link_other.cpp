#include <string>

#include "all_headers.hpp"

const char* interned_by_other(const std::string& text);
const char* interned_by_other(const std::string& text) {
  return latency::intern(text);
}
