#pragma once
// HTML character references ("&eacute;", "&#233;", "&#xE9;") in text that is not parsed as HTML:
// markup stays as it is. The names are those of gumbo, an HTML5 parser, which is given one
// reference at a time.

#include <string>
#include <string_view>
#include <unordered_map>

namespace umt5 {

// Remembers the names it met, at most 4096; in a text with more, new ones stay unresolved. Cost:
// linear in the text, and some 20 us for each new name.
class html_references {
 public:
  // Every reference resolved once, as Python's html.unescape does it: the semicolon may be missing
  // where HTML5 allows that, the longest known name counts, and numbers that are no characters
  // become U+FFFD or nothing.
  std::u32string unescape(std::u32string_view text);

  // Only references that end in a semicolon, as ftfy does it: "&not that" stays. Names all in
  // capitals count as well ("&EACUTE;" is É) unless they mean something else.
  std::u32string unescape_terminated(std::u32string_view text);

 private:
  std::u32string terminated(const std::string& reference);  // "&name;"
  std::u32string named(const std::string& reference);       // itself if it has no known name

  std::unordered_map<std::string, std::u32string> known_;
};

}  // namespace umt5
