#include "latency/detail/printable.hpp"

#include <doctest/doctest.h>

using latency::detail::printable;
using latency::detail::printable_line;

TEST_CASE("printable: text of any language comes back as it is") {
  for (const char* text : {"", "plain ~", "caf\xc3\xa9", "\xe6\xbc\xa2\xe5\xad\x97",
                           "\xf0\x9f\x98\x80", "\xc2\xa0", "\xe2\x80\x94"})
    CHECK(printable(text) == text);
}

TEST_CASE("printable: what steers a terminal becomes a question mark each") {
  CHECK(printable("a\nb\r\t\x1b[2J\x7f") == "a?b???[2J?");
  CHECK(printable("\xc2\x9b"
                  "2J") == "?2J");                                    // C1: CSI
  CHECK(printable("\xe2\x80\xae\xe2\x80\xa8\xe2\x81\xa6") == "???");  // turned, line, isolate
  CHECK(printable(std::string_view("\0", 1)) == "?");
}

TEST_CASE("printable: what is not UTF-8 becomes one, whole sequences at a time") {
  CHECK(printable("\xff\xfe") == "??");
  CHECK(printable("\xc3(") == "?(");
  CHECK(printable("\xe2\x82") == "?");
  CHECK(printable("\xed\xa0\x80") == "???");  // a surrogate
  CHECK(printable("\x9b") == "?");            // C1 of an 8-bit terminal
}

TEST_CASE("printable: a long line loses its middle") {
  const std::string fits(2000, 'a');
  CHECK(printable_line(fits) == fits);
  const std::string shown = printable_line("begin" + std::string(1 << 20, 'a') + "end\n");
  CHECK(shown.size() == 2005);
  CHECK(shown.substr(0, 6) == "begina");
  CHECK(shown.substr(shown.size() - 5) == "aend?");
  // Cut in the middle of a character: still UTF-8.
  std::string wide;
  while (wide.size() < 4000) wide += "\xe6\xbc\xa2";
  CHECK(printable(printable_line(wide)) == printable_line(wide));
}
