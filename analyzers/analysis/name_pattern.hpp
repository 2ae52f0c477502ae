#pragma once
// A regular expression that is looked for in names.

#include <memory>
#include <string>

namespace latency::analysis {

// POSIX extended syntax, as grep -E. Not std::regex: its recursion grows with the text, and names
// in traces may be very long.
class name_pattern {
 public:
  // Throws latency::error, naming `what`, when the text is no expression of at most 1000 bytes.
  name_pattern(const std::string& text, const std::string& what);
  // Whether it matches somewhere in the name (up to the first null character).
  [[nodiscard]] bool found_in(const std::string& name) const;

 private:
  struct compiled;
  std::shared_ptr<const compiled> compiled_;
};

}  // namespace latency::analysis
