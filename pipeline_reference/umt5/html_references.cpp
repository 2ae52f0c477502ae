#include "pipeline_reference/umt5/html_references.hpp"

#include <gumbo.h>

#include <algorithm>
#include <memory>

#include "pipeline_reference/umt5/mojibake.hpp"
#include "pipeline_reference/umt5/unicode_text.hpp"

namespace umt5 {
namespace {

constexpr std::size_t most_names = 4096;  // HTML5 has 2,231

bool is_digit(char32_t c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_hex_digit(char32_t c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_name(char32_t c) {
  return is_digit(c) || is_letter(c);
}

std::u32string_view leading(std::u32string_view text, bool (*belongs)(char32_t)) {
  return text.substr(0, static_cast<std::size_t>(
                            std::find_if_not(text.begin(), text.end(), belongs) - text.begin()));
}

std::string ascii(std::u32string_view text) {
  std::string bytes;
  for (const char32_t c : text) bytes += static_cast<char>(c);
  return bytes;
}

std::u32string text_below(const GumboNode& node) {
  std::u32string text;
  if (node.type == GUMBO_NODE_TEXT || node.type == GUMBO_NODE_WHITESPACE)
    return to_code_points(node.v.text.text);
  if (node.type != GUMBO_NODE_ELEMENT) return text;
  for (unsigned i = 0; i < node.v.element.children.length; ++i)
    text += text_below(*static_cast<const GumboNode*>(node.v.element.children.data[i]));
  return text;
}

// The character with this number, by the rules of HTML5 for parse errors: bytes of Windows-1252
// count as such, and controls and noncharacters vanish.
std::u32string numbered(char32_t number) {
  if (number == 0 || number > 0x10ffff || (number >= 0xd800 && number <= 0xdfff)) return U"\ufffd";
  if (number >= 0x80 && number <= 0x9f) return {windows_1252(number)};
  const bool control =
      (number < 0x20 && number != '\t' && number != '\n' && number != '\f' && number != '\r') ||
      number == 0x7f;
  const bool noncharacter = (number >= 0xfdd0 && number <= 0xfdef) || (number & 0xfffe) == 0xfffe;
  return control || noncharacter ? U"" : std::u32string{number};
}

// "#233" or "#xE9" at the start of `text`; nothing consumed when it is neither.
struct number_reference {
  std::u32string_view digits;
  char32_t value = 0;
  std::size_t consumed = 0;
};

number_reference number_at(std::u32string_view text) {
  number_reference reference;
  if (text.size() < 2 || text[0] != '#') return reference;
  const bool hex = text[1] == 'x' || text[1] == 'X';
  const std::size_t start = hex ? 2 : 1;
  reference.digits = leading(text.substr(start), hex ? is_hex_digit : is_digit);
  if (reference.digits.empty()) return reference;
  for (const char32_t c : reference.digits) {
    const char32_t digit = is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
    reference.value = std::min<char32_t>(reference.value * (hex ? 16 : 10) + digit, 0x110000);
  }
  reference.consumed = start + reference.digits.size();
  return reference;
}

std::u32string in_capitals(std::u32string_view text) {
  std::u32string capitals;
  for (const char32_t c : text) {
    if (c == U'ß') {
      capitals += U"SS";
    } else if (c == U'ŉ' || (c >= 0xfb00 && c <= 0xfb06)) {  // ligatures have no capitals
      for (const char32_t part : compatibility_form(c)) capitals += to_upper(part);
    } else {
      capitals += to_upper(c);
    }
  }
  return capitals;
}

}  // namespace

std::u32string html_references::named(const std::string& reference) {
  const auto found = known_.find(reference);
  if (found != known_.end()) return found->second;
  if (known_.size() == most_names) return to_code_points(reference);
  const std::string page = "x" + reference;  // a document drops blanks before its first letter
  GumboOptions options = kGumboDefaultOptions;
  options.max_errors = 0;
  const auto destroy = [&](GumboOutput* output) { gumbo_destroy_output(&options, output); };
  const std::unique_ptr<GumboOutput, decltype(destroy)> output(
      gumbo_parse_with_options(&options, page.data(), page.size()), destroy);
  return known_[reference] = text_below(*output->root).substr(1);
}

std::u32string html_references::unescape(std::u32string_view text) {
  constexpr std::size_t longest_name = 32;
  std::u32string resolved;
  for (std::size_t at; (at = text.find(U'&')) != std::u32string_view::npos;) {
    resolved += text.substr(0, at);
    text.remove_prefix(at);
    std::size_t consumed = 1;
    if (const number_reference number = number_at(text.substr(1)); number.consumed != 0) {
      resolved += numbered(number.value);
      consumed += number.consumed;
      consumed += consumed < text.size() && text[consumed] == ';';
    } else {
      const auto name = leading(text.substr(1, longest_name), is_name);
      consumed += name.size();
      consumed += !name.empty() && consumed < text.size() && text[consumed] == ';';
      resolved += name.empty() ? U"&" : named(ascii(text.substr(0, consumed)));
    }
    text.remove_prefix(consumed);
  }
  return resolved += text;
}

std::u32string html_references::unescape_terminated(std::u32string_view text) {
  constexpr std::size_t longest_name = 24;
  std::u32string resolved;
  for (std::size_t at; (at = text.find(U'&')) != std::u32string_view::npos;) {
    resolved += text.substr(0, at);
    text.remove_prefix(at);
    const std::size_t sharp = text.size() > 1 && text[1] == '#';
    const auto name = leading(text.substr(1 + sharp, longest_name), is_name);
    const std::size_t end = 1 + sharp + name.size();
    if (name.empty() || end == text.size() || text[end] != ';') {
      resolved += U'&';
      text.remove_prefix(1);
      continue;
    }
    const std::u32string_view reference = text.substr(0, end + 1);
    text.remove_prefix(reference.size());
    if (sharp) {
      const number_reference number = number_at(reference.substr(1));
      const bool whole = number.consumed + 2 == reference.size() && number.value != ';';
      resolved += whole ? numbered(number.value) : std::u32string(reference);
    } else {
      resolved += terminated(ascii(reference));
    }
  }
  return resolved += text;
}

std::u32string html_references::terminated(const std::string& reference) {
  // A known name leaves nothing of the reference; of "&notit;" the "it;" would remain.
  const auto is_whole = [](const std::u32string& text, const std::string& of) {
    return (text.back() != U';' || text == U";") && text != to_code_points(of);
  };
  const std::u32string text = named(reference);
  if (is_whole(text, reference)) return text;
  const auto is_small = [](char c) { return c >= 'a' && c <= 'z'; };
  const std::u32string unchanged = to_code_points(reference);
  if (text != unchanged || std::any_of(reference.begin(), reference.end(), is_small))
    return unchanged;
  std::string small = reference;
  for (char& c : small)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  const std::u32string meant = named(small);
  return is_whole(meant, small) ? in_capitals(meant) : unchanged;
}

}  // namespace umt5
