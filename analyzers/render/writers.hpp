#pragma once
// Documents as text. Pure functions; the result ends with a line break.

#include <string>
#include <vector>

#include "analyzers/render/document.hpp"

namespace latency::render {

inline constexpr std::size_t terminal_columns = 100;

// For people: no line is wider than 100 characters, except the first, which names the file, and
// single words of `whole` columns. Tables that would be are cut into several, each with the key
// columns. A table whose last column alone is `whole` has no header. `colour`: with ANSI colours.
[[nodiscard]] std::string to_terminal(const document& from, bool colour);

// GitHub-flavoured markdown, same units as on a terminal.
[[nodiscard]] std::string to_markdown(const document& from);

// Every table and every figure of the text lines, raw numbers in full precision, one block of rows
// for each table with blocks apart by an empty line: "table,<columns...>", and "table,figure,value"
// for the lines. Quoting as RFC 4180, lines end with LF. With several documents each row also has
// the file it comes from.
[[nodiscard]] std::string to_csv(const std::vector<document>& documents);

// {"schema", "title", "sections": {...}}, raw numbers, every key ending with its unit; several
// documents: {"schema", "files": [...]}.
[[nodiscard]] std::string to_json(const std::vector<document>& documents);

}  // namespace latency::render
