#include "pipeline_reference/umt5/unicode_text.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "latency/detail/utf8.hpp"

namespace umt5 {
namespace {

// Appends the full decomposition of `c`: canonical, or with the option UTF8PROC_COMPAT of both
// kinds.
void append_decomposed(std::vector<utf8proc_int32_t>& text, char32_t c, int options) {
  std::array<utf8proc_int32_t, 32> parts;  // the longest has 18
  int unused = 0;
  const auto count = utf8proc_decompose_char(
      static_cast<utf8proc_int32_t>(c), parts.data(), parts.size(),
      static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | options), &unused);
  text.insert(text.end(), parts.begin(), parts.begin() + std::clamp<long>(count, 0, 32));
}

}  // namespace

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

std::u32string composed(std::u32string_view text) {
  std::vector<utf8proc_int32_t> parts;
  parts.reserve(text.size());
  for (const char32_t c : text) append_decomposed(parts, c, 0);
  // Canonical order: marks by combining class. utf8proc_map() sorts them by swapping neighbours, in
  // quadratic time.
  const auto combining_class = [](utf8proc_int32_t c) {
    return utf8proc_get_property(c)->combining_class;
  };
  const auto is_starter = [&](utf8proc_int32_t c) { return combining_class(c) == 0; };
  for (auto mark = parts.begin(); mark != parts.end();) {
    mark = std::find_if_not(mark, parts.end(), is_starter);
    const auto end = std::find_if(mark, parts.end(), is_starter);
    if (end - mark > 1)
      std::stable_sort(mark, end, [&](utf8proc_int32_t a, utf8proc_int32_t b) {
        return combining_class(a) < combining_class(b);
      });
    mark = end;
  }
  const auto length =
      utf8proc_normalize_utf32(parts.data(), static_cast<utf8proc_ssize_t>(parts.size()),
                               static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  return {parts.begin(), parts.begin() + length};
}

std::u32string compatibility_form(char32_t c) {
  std::vector<utf8proc_int32_t> parts;
  append_decomposed(parts, c, UTF8PROC_COMPAT);
  return {parts.begin(), parts.end()};
}

char32_t to_upper(char32_t c) {
  return static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c)));
}

}  // namespace umt5
