// Any bytes cut as an array, in pieces of a size that the first byte chooses: the same elements
// come out as when the array is taken in one piece. (What is inside an element is the parser's to
// check, and a piece of plain numbers is not looked at, so only one of the two may be refused.) And
// nesting is found where it is, however a stream arrives.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "analyzers/timeline/json_cutter.hpp"
#include "tests/fuzz/refusal.hpp"

namespace {

using latency::timeline::json_cutter;
using latency::timeline::nesting_guard;

// The elements with single commas between them; nothing when the text is refused.
std::optional<std::string> elements(std::string_view text, std::size_t wanted) {
  try {
    json_cutter cutter(text, "fuzz");
    cutter.open('[', "");
    std::string all;
    for (;;) {
      const std::string_view piece = cutter.elements(wanted);
      if (piece.empty()) break;
      if (!all.empty()) all += ',';
      for (const char c : piece)  // white space between elements belongs to no piece
        if (c != ' ' && c != '\n' && c != '\t' && c != '\r') all += c;
    }
    cutter.finish();
    return all;
  } catch (const latency::error& refused) {
    fuzz::require_one_line(refused, "fuzz: byte ");
    return std::nullopt;
  }
}

void walk(std::string_view text) {
  try {
    json_cutter cutter(text, "fuzz");
    cutter.open('{', "");
    while (const auto key = cutter.member()) {
      if (key->size() % 2 == 0) {
        if (cutter.value().empty()) std::abort();
      } else {
        cutter.skip();
      }
    }
    cutter.finish();
  } catch (const latency::error& refused) {
    fuzz::require_one_line(refused, "fuzz: byte ");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = std::size_t{data[0]} + 1;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = elements(text, size), cut = elements(text, step);
  if (whole && cut && *whole != *cut) std::abort();
  walk(text);

  nesting_guard at_once, in_steps;
  const std::size_t deep = at_once.feed(text);
  std::size_t found = text.npos;
  for (std::size_t at = 0; at < text.size() && found == text.npos; at += step) {
    found = in_steps.feed(text.substr(at, step));
    if (found != text.npos) found += at;
  }
  if (found != deep) std::abort();
  return 0;
}
