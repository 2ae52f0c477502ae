#include "analyzers/timeline/json_structure.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <string>
#include <string_view>
#include <vector>

namespace {

using latency::timeline::json_structure;

struct seen {
  std::vector<std::size_t> ends;  // of values at depth 0
  std::size_t stopped = std::string_view::npos;
  bool closed = false;
  json_structure::fault what = json_structure::fault::none;
  bool operator==(const seen& other) const {
    return ends == other.ends && stopped == other.stopped && closed == other.closed &&
           what == other.what;
  }
};

// Feeds the text in steps of a size, value by value.
seen watch(std::string_view text, std::size_t step) {
  json_structure structure;
  seen result;
  for (std::size_t at = 0; at < text.size();) {
    const auto made = structure.feed(text.substr(at, step), true);
    if (made.value_end != made.nowhere) result.ends.push_back(at + made.value_end);
    at += made.scanned;
    if (made.closed || made.what != json_structure::fault::none) {
      result.closed = made.closed;
      result.what = made.what;
      result.stopped = at;
      break;
    }
  }
  return result;
}

// The same by the book: a byte at a time.
seen by_the_book(std::string_view text) {
  seen result;
  std::string open;
  bool in_string = false, escaped = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool hidden = escaped;  // no quote, and escapes nothing
    escaped = c == '\\' && !hidden;
    if (c == '"' && !hidden) in_string = !in_string;
    if (in_string) continue;
    const auto stop = [&](bool closed, json_structure::fault what) {
      result.stopped = i + 1;
      result.closed = closed;
      result.what = what;
      return result;
    };
    if (c == '{' || c == '[') {
      if (open.size() == static_cast<std::size_t>(json_structure::depth_limit))
        return stop(false, json_structure::fault::too_deep);
      open += c == '{' ? '}' : ']';
    }
    if (c != '}' && c != ']') continue;
    if (open.empty()) return stop(true, json_structure::fault::none);
    if (open.back() != c) return stop(false, json_structure::fault::mismatch);
    open.pop_back();
    if (open.empty()) result.ends.push_back(i + 1);
  }
  return result;
}

}  // namespace

TEST_CASE("json_structure: brackets in strings are no brackets, whatever is escaped") {
  const std::string text = R"({"a]":"}\"}"},[1,"\\"],{"b":"\\\"["})";
  CHECK(watch(text, text.size()).ends == std::vector<std::size_t>{13, 22, 36});
  CHECK(watch(text, text.size()) == by_the_book(text));
}

TEST_CASE("json_structure: says where the surrounding value closes, and takes nothing behind it") {
  json_structure structure;
  const auto made = structure.feed("{} ] \"", false);
  CHECK(made.closed);
  CHECK(made.scanned == 4);
  CHECK(made.value_end == 2);
}

TEST_CASE("json_structure: of several values the end of the last is given, unless one is wanted") {
  json_structure whole, one;
  CHECK(whole.feed("{},[1],{", false).value_end == 6);
  const auto first = one.feed("{},[1],{", true);
  CHECK(first.value_end == 2);
  CHECK(first.scanned == 2);
}

TEST_CASE("json_structure: a bracket that does not match, and the 65th that is open, are faults") {
  json_structure structure, deep;
  const auto made = structure.feed("[{]", false);
  CHECK(made.what == json_structure::fault::mismatch);
  CHECK(made.scanned == 3);
  CHECK(structure.expected() == '}');
  CHECK(deep.feed(std::string(64, '['), false).what == json_structure::fault::none);
  CHECK(deep.feed("{", false).what == json_structure::fault::too_deep);
}

TEST_CASE("json_structure: any text gives the same in one piece, in pieces and byte by byte") {
  CHECK(rc::check([] {
    const std::string alphabet = "{}[]\"\\a,";
    const auto letters = *rc::gen::container<std::vector<std::size_t>>(
        rc::gen::inRange<std::size_t>(0, alphabet.size()));
    std::string text;
    for (const std::size_t letter : letters) {
      text += alphabet[letter];
      if (letter == 6) text.append(letters.size() % 61, 'x');  // beyond one block
    }
    const seen expected = by_the_book(text);
    RC_ASSERT(watch(text, text.size() + 1) == expected);
    RC_ASSERT(watch(text, *rc::gen::inRange<std::size_t>(1, 130)) == expected);
  }));
}
