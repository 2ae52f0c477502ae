#include "analyzers/analysis/name_pattern.hpp"

#include <regex.h>

#include "latency/error.hpp"

namespace latency::analysis {

struct name_pattern::compiled {
  regex_t expression{};
  compiled() = default;
  compiled(const compiled&) = delete;
  compiled& operator=(const compiled&) = delete;
  ~compiled() { regfree(&expression); }
};

name_pattern::name_pattern(const std::string& text, const std::string& what) {
  constexpr std::size_t most_bytes = 1000;
  if (text.size() > most_bytes)
    throw error("", what, "a regular expression of more than 1000 bytes");
  const auto made = std::make_shared<compiled>();
  if (regcomp(&made->expression, text.c_str(), REG_EXTENDED | REG_NOSUB) != 0)
    throw error("", what, "'" + text + "' is no regular expression");
  compiled_ = made;
}

bool name_pattern::found_in(const std::string& name) const {
  return regexec(&compiled_->expression, name.c_str(), 0, nullptr, 0) == 0;
}

}  // namespace latency::analysis
