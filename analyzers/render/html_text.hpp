#pragma once
// Texts out of files, made fit for a page.

#include <string>
#include <string_view>

namespace latency::render {

// One printable line (latency::detail::printable), for text and for quoted attributes.
[[nodiscard]] std::string html(std::string_view text);

// The same of a text that is known and has several lines.
[[nodiscard]] std::string html_lines(std::string_view text);

// JSON for a script element: nothing in it can end the element, or begin a comment, or break a line
// of a script (U+2028 and U+2029).
[[nodiscard]] std::string script_json(std::string_view json);

}  // namespace latency::render
