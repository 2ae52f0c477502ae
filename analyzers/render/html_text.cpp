#include "analyzers/render/html_text.hpp"

#include "latency/detail/printable.hpp"

namespace latency::render {

std::string html_lines(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '&':
        result += "&amp;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string html(std::string_view text) {
  return html_lines(detail::printable(text));
}

std::string script_json(std::string_view json) {
  constexpr std::string_view line_separator = "\xe2\x80\xa8", paragraph_separator = "\xe2\x80\xa9";
  std::string result;
  result.reserve(json.size());
  for (std::size_t from = 0;;) {
    const std::size_t at = json.find_first_of("<\xe2", from);
    result += json.substr(from, at - from);
    if (at == std::string_view::npos) return result;
    const std::string_view next = json.substr(at, line_separator.size());
    if (json[at] == '<')
      result += "\\u003c";
    else if (next == line_separator)
      result += "\\u2028";
    else if (next == paragraph_separator)
      result += "\\u2029";
    else
      result += json[at];
    from = json[at] == '<' || result.back() == '\xe2' ? at + 1 : at + next.size();
  }
}

}  // namespace latency::render
