#include <fmt/format.h>

#include "analyzers/render/display.hpp"
#include "analyzers/render/writers.hpp"

namespace latency::render {
namespace {

// Characters that markdown would take for markup. Underscores inside words are safe.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (std::string_view("\\`*|<>[]").find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result;
}

void append(std::string& out, const table& from) {
  const shown_table cells = shown(from, "&nbsp;&nbsp;");
  if (!from.title.empty()) out += escaped(from.title) + "\n\n";
  std::string rule = "|";
  out += "|";
  for (std::size_t c = 0; c < from.columns.size(); ++c) {
    const std::string& unit = cells.units[c];
    out += fmt::format(" {}{} |", escaped(cells.titles[c]), unit.empty() ? "" : " (" + unit + ")");
    rule += cells.right_aligned[c] ? " ---: |" : " --- |";
  }
  out += fmt::format("\n{}\n", rule);
  for (const auto& row : cells.rows) {
    out += "|";
    for (const std::string& text : row) out += fmt::format(" {} |", escaped(text));
    out += "\n";
  }
}

}  // namespace

std::string to_markdown(const document& from) {
  std::string out = fmt::format("# {}\n", escaped(from.title));
  if (!from.source.empty()) out += fmt::format("\n{}\n", escaped(from.source));
  for (const section& part : from.sections) {
    out += fmt::format("\n## {}\n", escaped(part.title));
    bool list = false;
    for (const auto& item : part.items) {
      if (const auto* text = std::get_if<line>(&item)) {
        if (!list) out += "\n";
        out += fmt::format("- {}\n", escaped(sentence(*text)));
      } else {
        out += "\n";
        append(out, std::get<table>(item));
      }
      list = std::holds_alternative<line>(item);
    }
  }
  return out;
}

}  // namespace latency::render
