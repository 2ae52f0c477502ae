#include "analyzers/render/page_files.hpp"

#include "analyzers/embedded_file.hpp"

LATENCY_EMBED(page_css, LATENCY_PAGE_FILES "/page.css")
LATENCY_EMBED(page_theme, LATENCY_PAGE_FILES "/theme.js")
LATENCY_EMBED(page_tables, LATENCY_PAGE_FILES "/tables.js")
LATENCY_EMBED(page_charts, LATENCY_PAGE_FILES "/charts.js")
LATENCY_EMBED(page_print, LATENCY_PAGE_FILES "/print.js")
LATENCY_EMBED(page_timeline_data, LATENCY_PAGE_FILES "/timeline_data.js")
LATENCY_EMBED(page_timeline_canvas, LATENCY_PAGE_FILES "/timeline_canvas.js")
LATENCY_EMBED(page_timeline, LATENCY_PAGE_FILES "/timeline.js")

namespace latency::render {

std::string_view page_style() {
  return LATENCY_EMBEDDED(page_css);
}

std::string_view page_theme_script() {
  return LATENCY_EMBEDDED(page_theme);
}

std::vector<std::string_view> page_scripts() {
  return {LATENCY_EMBEDDED(page_tables),          LATENCY_EMBEDDED(page_charts),
          LATENCY_EMBEDDED(page_print),           LATENCY_EMBEDDED(page_timeline_data),
          LATENCY_EMBEDDED(page_timeline_canvas), LATENCY_EMBEDDED(page_timeline)};
}

}  // namespace latency::render
