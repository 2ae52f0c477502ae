#include "analyzers/render/html_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analyzers/charts/chart.hpp"
#include "analyzers/render/display.hpp"
#include "analyzers/render/html_text.hpp"

namespace latency::render {
namespace {

constexpr std::size_t most_rows_at_once = 40;  // longer tables scroll

const char* cell_class(const column& of, bool right_aligned) {
  if (of.type == unit::path) return " class=\"path\"";
  return right_aligned ? " class=\"right\"" : "";
}

// What columns are sorted by.
std::string raw_value(const cell& of) {
  if (const auto* integer = std::get_if<std::int64_t>(&of))
    return fmt::format(" data-v=\"{}\"", *integer);
  const auto* real = std::get_if<double>(&of);
  return real != nullptr && std::isfinite(*real) ? fmt::format(" data-v=\"{:.9g}\"", *real) : "";
}

}  // namespace

std::string html_table(const table& whole) {
  std::string result;
  const auto put = [&](std::string_view text) { result += text; };
  const std::size_t rows = std::min(whole.rows.size(), most_table_rows);
  const table from{whole.key,
                   whole.title,
                   whole.columns,
                   {whole.rows.begin(), whole.rows.begin() + static_cast<std::ptrdiff_t>(rows)},
                   whole.key_columns};
  const shown_table shown = render::shown(from, "\u00a0\u00a0\u00a0");
  const std::string label = html(from.title.empty() ? "table" : from.title);
  put(
      fmt::format("<div class=\"scroll{}\" role=\"region\" aria-label=\"{}\" tabindex=\"0\"><table "
                  "class=\"sortable\">",
                  from.rows.size() > most_rows_at_once ? " tall" : "", label));
  if (!from.title.empty()) put("<caption><span>" + html(from.title) + "</span></caption>");
  put("<thead><tr>");
  for (std::size_t c = 0; c < shown.titles.size(); ++c)
    put(
        fmt::format("<th scope=\"col\" aria-sort=\"none\"{}><button type=\"button\"><span "
                    "class=\"title\">{}</span>{}</button></th>",
                    shown.right_aligned[c] ? " class=\"right\"" : "", html(shown.titles[c]),
                    shown.units[c].empty()
                        ? ""
                        : fmt::format(" <span class=\"unit\">{}</span>", html(shown.units[c]))));
  put("</tr></thead>\n<tbody>\n");
  for (std::size_t r = 0; r < shown.rows.size(); ++r) {
    std::string row = shown.rows[r].empty() || shown.rows[r][0].rfind("= ", 0) != 0
                          ? "<tr>"
                          : "<tr class=\"total\">";
    for (std::size_t c = 0; c < shown.titles.size(); ++c)
      row += fmt::format("<td{}{}>{}</td>", cell_class(from.columns[c], shown.right_aligned[c]),
                         raw_value(from.rows[r][c]),
                         html(charts::shortened(shown.rows[r][c], most_cell_letters)));
    put(row + "</tr>\n");
  }
  put("</tbody></table></div>\n");
  if (whole.rows.size() > most_table_rows)
    put(fmt::format("<p class=\"small\">The first {} of {} rows.</p>\n", most_table_rows,
                    whole.rows.size()));
  return result;
}

}  // namespace latency::render
