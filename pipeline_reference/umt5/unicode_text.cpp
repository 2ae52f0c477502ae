#include "pipeline_reference/umt5/unicode_text.hpp"

#include "latency/detail/utf8.hpp"

namespace umt5 {

std::u32string to_code_points(std::string_view utf8) {
  std::u32string text;
  text.reserve(utf8.size());
  while (!utf8.empty()) {
    const auto sequence = latency::detail::decode_utf8(utf8);
    char32_t c = U'\ufffd';
    if (sequence.valid) {
      c = static_cast<unsigned char>(utf8[0]) &
          (sequence.length == 1 ? 0x7fu : 0xffu >> (sequence.length + 1));
      for (std::size_t i = 1; i < sequence.length; ++i)
        c = c << 6 | (static_cast<unsigned char>(utf8[i]) & 0x3fu);
    }
    text += c;
    utf8.remove_prefix(sequence.length);
  }
  return text;
}

std::string to_utf8(std::u32string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  const auto put = [&](char32_t value) { bytes += static_cast<char>(value); };
  for (char32_t c : text) {
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) c = U'\ufffd';
    if (c < 0x80) {
      put(c);
    } else if (c < 0x800) {
      put(0xc0 | c >> 6);
      put(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
      put(0xe0 | c >> 12);
      put(0x80 | (c >> 6 & 0x3f));
      put(0x80 | (c & 0x3f));
    } else {
      put(0xf0 | c >> 18);
      put(0x80 | (c >> 12 & 0x3f));
      put(0x80 | (c >> 6 & 0x3f));
      put(0x80 | (c & 0x3f));
    }
  }
  return bytes;
}

bool is_blank(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
         c == 0x205f || c == 0x3000;
}

}  // namespace umt5
