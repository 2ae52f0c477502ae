#include "pipeline_reference/umt5/text_cleaning.hpp"

#include "pipeline_reference/umt5/unicode_text.hpp"

namespace umt5 {
namespace {

std::u32string collapse_blanks(std::u32string_view text) {
  std::u32string words;
  for (const char32_t c : text) {
    if (!is_blank(c)) {
      words += c;
    } else if (!words.empty() && words.back() != U' ') {
      words += U' ';
    }
  }
  if (!words.empty() && words.back() == U' ') words.pop_back();
  return words;
}

}  // namespace

std::string clean_prompt(std::string_view utf8) {
  return to_utf8(collapse_blanks(to_code_points(utf8)));
}

}  // namespace umt5
