#pragma once
// Text as code points, for rules that are stated in code points.

#include <string>
#include <string_view>

namespace umt5 {

// Bytes that are not UTF-8 become U+FFFD, one for each longest start of a broken sequence.
[[nodiscard]] std::u32string to_code_points(std::string_view utf8);

// Surrogates and values above U+10FFFF become U+FFFD.
[[nodiscard]] std::string to_utf8(std::u32string_view text);

// What Python's str.isspace() and \s call a blank.
[[nodiscard]] bool is_blank(char32_t c);

// The two forms of Unicode normalization that cleaning needs; utf8proc has the tables.
// NFC. Cost: linear, also for hostile runs of combining marks.
[[nodiscard]] std::u32string composed(std::u32string_view text);
// What the compatibility character `c` stands for (NFKD), itself if it is none.
[[nodiscard]] std::u32string compatibility_form(char32_t c);

[[nodiscard]] char32_t to_upper(char32_t c);  // of one code point to one

}  // namespace umt5
