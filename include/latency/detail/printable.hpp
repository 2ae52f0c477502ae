#pragma once
// Text that came from a file or a command line, made fit for one line of a terminal or a log.

#include <string>
#include <string_view>

#include "utf8.hpp"

namespace latency::detail {

// Whether a valid UTF-8 sequence steers a terminal rather than being shown: control characters (C0,
// DEL, C1), line separators, and those that turn the direction of writing.
[[nodiscard]] inline bool steers_terminal(std::string_view sequence) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  if (sequence.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7f;
  if (sequence.size() == 2) return byte(0) == 0xc2 && byte(1) < 0xa0;  // C1
  if (sequence.size() != 3 || byte(0) != 0xe2) return false;
  const bool marks_or_breaks = byte(1) == 0x80 && ((byte(2) >= 0x8e && byte(2) <= 0x8f) ||
                                                   (byte(2) >= 0xa8 && byte(2) <= 0xae));
  const bool isolates = byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9;
  return marks_or_breaks || isolates;  // U+200E..F, U+2028..E, U+2066..9
}

// The text as one line of valid UTF-8: '?' for everything in it that steers a terminal and for
// every byte sequence that is not UTF-8.
[[nodiscard]] inline std::string printable(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const utf8_sequence next = decode_utf8(text.substr(at));
    const std::string_view shown = text.substr(at, next.length);
    if (next.valid && !steers_terminal(shown)) {
      result += shown;
    } else {
      result += '?';
    }
    at += next.length;
  }
  return result;
}

// The same for an error: a long one, which quotes a long text, loses its middle.
[[nodiscard]] inline std::string printable_line(std::string_view text) {
  constexpr std::size_t most_bytes = 2000, kept_bytes = most_bytes / 2;
  if (text.size() <= most_bytes) return printable(text);
  return printable(text.substr(0, kept_bytes)) + " ... " +
         printable(text.substr(text.size() - kept_bytes));
}

}  // namespace latency::detail
