#pragma once
// The one error type. Thrown at setup, at the end of a session and while reading files; never from
// an open or close of a span. `what()` is one line that names the file and the place in it.

#include <stdexcept>
#include <string>

namespace latency {

class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  // "FILE: PLACE: MESSAGE", with a place such as "/spans/start_ns" or "byte 4096"; empty parts left
  // out.
  error(const std::string& file, const std::string& place, const std::string& message)
      : std::runtime_error((file.empty() ? "" : file + ": ") + (place.empty() ? "" : place + ": ") +
                           message) {}
};

}  // namespace latency
