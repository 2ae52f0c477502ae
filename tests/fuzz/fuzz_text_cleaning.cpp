// Any bytes at all as a prompt: the cleaned text is UTF-8 without zero bytes, and its only blanks
// are single spaces between words.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "latency/detail/utf8.hpp"
#include "pipeline_reference/umt5/text_cleaning.hpp"
#include "pipeline_reference/umt5/unicode_text.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string cleaned =
      umt5::clean_prompt(std::string_view(reinterpret_cast<const char*>(data), size));
  for (std::string_view rest = cleaned; !rest.empty();) {
    const auto sequence = latency::detail::decode_utf8(rest);
    if (!sequence.valid || rest[0] == '\0') std::abort();
    rest.remove_prefix(sequence.length);
  }
  char32_t before = U' ';
  for (const char32_t c : umt5::to_code_points(cleaned)) {
    if (umt5::is_blank(c) && (c != U' ' || before == U' ')) std::abort();
    before = c;
  }
  if (!cleaned.empty() && before == U' ') std::abort();
  return 0;
}
