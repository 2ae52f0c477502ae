#pragma once
// A prompt as the published text encoder sees it: ftfy.fix_text, HTML references resolved twice,
// every run of blanks one space. Prompts that need none of this come back as they are.
//
// Done, for each line, in rounds until nothing changes (at most 8; ftfy has no limit):
//   - references such as "&eacute;" and "&#233;", unless this line or one before it has a "<"
//   - UTF-8 read as Latin-1 or Windows-1252, where all of the line decodes and looks misread
//   - C1 controls become the characters of Windows-1252
//   - Latin ligatures, full-width and half-width forms become the letters they stand for
//   - curly quotes become straight ones
//   - terminal escapes (ESC [ numbers letter) and control characters vanish, also byte order marks
//   - NFC
// Then, for the whole text: references resolved twice by Python's html.unescape rules, blanks by
// Python's definition collapsed to one space and removed at both ends.
//
// Not done, of what ftfy does: misread text in other encodings (Windows-1250, -1251, -1253, -1254,
// -1257, ISO 8859-2, MacRoman, CP437), misread text that lost bytes (U+FFFD or a space in place of
// one) or is only a part of its line, CESU-8.

#include <string>
#include <string_view>

namespace umt5 {

// Returns valid UTF-8 without a zero byte; what is not UTF-8 in the argument becomes U+FFFD. May be
// called from several threads. Cost: linear in the text.
[[nodiscard]] std::string clean_prompt(std::string_view utf8);

}  // namespace umt5
