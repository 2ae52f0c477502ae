// Any text as --require: it is refused with one line that quotes it, or it can be judged.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "analyzers/commands/requirement_parser.hpp"
#include "tests/fuzz/refusal.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  for (char& c : text)
    if (c == '\n' || c == 0) c = ' ';  // quoted as it is; the program makes it one line
  try {
    const latency::commands::requirement r = latency::commands::parse_requirement(text);
    if (r.text != text || r.name.size() >= text.size()) std::abort();
    if (!std::isfinite(r.bound) || r.bound < 0) std::abort();
    if (latency::commands::holds(r, std::nan(""))) std::abort();
  } catch (const latency::error& refused) {
    fuzz::require_one_line(refused, "--require '" + text + "': character ");
  }
  return 0;
}
