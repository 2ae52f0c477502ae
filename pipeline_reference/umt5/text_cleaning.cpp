#include "pipeline_reference/umt5/text_cleaning.hpp"

#include <algorithm>

#include "pipeline_reference/umt5/html_references.hpp"
#include "pipeline_reference/umt5/mojibake.hpp"
#include "pipeline_reference/umt5/unicode_text.hpp"

namespace umt5 {
namespace {

constexpr int most_rounds = 8;

bool between(char32_t c, char32_t first, char32_t last) {
  return c >= first && c <= last;
}

bool is_removed_control(char32_t c) {
  return c <= 0x08 || c == 0x0b || between(c, 0x0e, 0x1f) || c == 0x7f ||
         between(c, 0x206a, 0x206f) || c == 0xfeff || between(c, 0xfff9, 0xfffc);
}

bool is_latin_ligature(char32_t c) {
  return c == 0x0132 || c == 0x0133 || c == 0x0149 || between(c, 0x01c4, 0x01cc) ||
         between(c, 0x01f1, 0x01f3) || between(c, 0xfb00, 0xfb06);
}

void append_plain(std::u32string& text, char32_t c) {
  if (between(c, 0x80, 0x9f)) {
    text += windows_1252(c);
  } else if (c == 0xfb05) {  // long s and t; its compatibility form has a short s
    text += U"ſt";
  } else if (c == 0x3000) {  // the blank as wide as an ideograph
    text += U' ';
  } else if (is_latin_ligature(c) || between(c, 0xff01, 0xffef)) {
    text += compatibility_form(c);
  } else {
    text += c;
  }
}

char32_t straightened(char32_t c) {
  if (c == 0x02bc || between(c, 0x2018, 0x201b)) return U'\'';
  return between(c, 0x201c, 0x201f) ? U'"' : c;
}

// Bytes of "ESC [ 1 ; 31 m" at the start of `text`, 0 if there is none.
std::size_t terminal_escape(std::u32string_view text) {
  if (text.size() < 3 || text[0] != 0x1b || text[1] != U'[') return 0;
  std::size_t at = 2;
  while (at < text.size() && (between(text[at], '0', '9') || text[at] == U';')) ++at;
  const bool letter =
      at < text.size() && (between(text[at], 'a', 'z') || between(text[at], 'A', 'Z'));
  return letter ? at + 1 : 0;
}

std::u32string without_controls(std::u32string_view text) {
  std::u32string kept;
  while (!text.empty()) {
    const std::size_t escape = terminal_escape(text);
    if (escape == 0 && !is_removed_control(text[0])) kept += text[0];
    text.remove_prefix(std::max<std::size_t>(escape, 1));
  }
  return kept;
}

// One line through ftfy's steps.
std::u32string repaired(std::u32string text, bool resolve, html_references& references) {
  const auto is_plain = [](char32_t c) {
    return (between(c, 0x20, 0x7e) && c != U'&') || c == U'\n' || c == U'\t';
  };
  for (int round = 0; round < most_rounds && !std::all_of(text.begin(), text.end(), is_plain);
       ++round) {
    std::u32string next = undo_mojibake(resolve ? references.unescape_terminated(text) : text);
    std::u32string plain;
    for (const char32_t c : next) append_plain(plain, c);
    std::transform(plain.begin(), plain.end(), plain.begin(), straightened);
    next = composed(without_controls(plain));
    if (next == text) break;
    text = std::move(next);
  }
  return text;
}

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
  const std::u32string text = to_code_points(utf8);
  html_references references;
  bool resolve = true;
  std::u32string repaired_text;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find(U'\n', start), text.size() - 1) + 1;
    std::u32string line = text.substr(start, end - start);
    resolve = resolve && line.find(U'<') == std::u32string::npos;  // markup: its references stay
    repaired_text += repaired(std::move(line), resolve, references);
    start = end;
  }
  for (int time = 0; time < 2; ++time) repaired_text = references.unescape(repaired_text);
  return to_utf8(collapse_blanks(repaired_text));
}

}  // namespace umt5
