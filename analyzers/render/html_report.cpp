#include "analyzers/render/html_report.hpp"

#include "analyzers/charts/library.hpp"
#include "analyzers/charts/option.hpp"
#include "analyzers/charts/palette.hpp"
#include "analyzers/render/display.hpp"

namespace latency::render {
namespace {

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '<')
      result += "&lt;";
    else if (c == '&')
      result += "&amp;";
    else if (c == '"')
      result += "&quot;";
    else
      result += c;
  }
  return result;
}

// JSON between script tags: no "</script>" inside.
std::string in_script(const std::string& json) {
  std::string result;
  for (const char c : json) {
    if (c == '<')
      result += "\\u003c";
    else
      result += c;
  }
  return result;
}

}  // namespace

void write_html_report(const std::function<void(std::string_view)>& sink, const report_page& page) {
  sink("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
  sink(escaped(page.title));
  sink("</title></head><body>\n<script>\n");
  sink(charts::echarts_source());
  sink(charts::box_series());
  sink("</script>\n<h1>" + escaped(page.title) + "</h1>\n");
  for (const line& text : page.summary) sink("<p>" + escaped(sentence(text)) + "</p>\n");
  std::string options;
  for (const report_section& part : page.sections) {
    sink("<h2>" + escaped(part.title) + "</h2>\n");
    for (const auto& item : part.items) {
      if (const auto* text = std::get_if<line>(&item)) {
        sink("<p>" + escaped(sentence(*text)) + "</p>\n");
      } else if (const auto* drawn = std::get_if<charts::chart>(&item)) {
        sink("<div class=\"chart\" style=\"height:" + std::to_string(drawn->height) +
             "px\"></div>\n");
        options += in_script(charts::option_json(*drawn)) + ",\n";
      }
    }
  }
  if (!charts::echarts_source().empty()) {
    sink("<script>\nregisterLatencyBoxes(echarts);\necharts.registerTheme('latency', ");
    sink(charts::theme_json(charts::theme::light));
    sink(");\nvar options = [" + options + "];\n");
    sink(
        "document.querySelectorAll('.chart').forEach(function (place, i) {\n"
        "  echarts.init(place, 'latency').setOption(options[i]);\n});\n</script>\n");
  }
  sink("</body></html>\n");
}

}  // namespace latency::render
