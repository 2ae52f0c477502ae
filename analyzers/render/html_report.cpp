#include "analyzers/render/html_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "analyzers/charts/library.hpp"
#include "analyzers/charts/option.hpp"
#include "analyzers/charts/palette.hpp"
#include "analyzers/render/display.hpp"
#include "analyzers/render/html_table.hpp"
#include "analyzers/render/html_text.hpp"
#include "analyzers/render/page_files.hpp"
#include "latency/version.hpp"

namespace latency::render {
namespace {

const char* class_of(tone colour) {
  switch (colour) {
    case tone::good:
      return "good";
    case tone::warning:
      return "warning";
    case tone::bad:
      return "bad";
    case tone::faint:
      return "faint";
    case tone::plain:
      break;
  }
  return "plain";
}

// Colour alone tells a colour-blind reader nothing.
const char* verdict_of(tone colour) {
  switch (colour) {
    case tone::good:
      return "Good";
    case tone::warning:
      return "Note";
    case tone::bad:
      return "Bad";
    default:
      return "";
  }
}

bool has_chart_library() {
  return !charts::echarts_source().empty();
}

class page_writer {
 public:
  explicit page_writer(const std::function<void(std::string_view)>& sink) : sink_(sink) {}

  void write(const report_page& page) {
    head(page.title);
    put("<header><h1>" + html(page.title) +
        "</h1><button type=\"button\" id=\"theme\">Dark page</button></header>\n"
        "<main id=\"main\">\n");
    if (!has_chart_library())
      put("<p class=\"warning\">This build of the program has no chart library (npm was missing "
          "when it was built): "
          "each chart is shown as its table.</p>\n");
    summary_of(page.summary);
    if (page.runs.size() > 1) contents_of_runs(page);
    for (const report_section& part : page.compared) section_of(part, "all");
    for (std::size_t i = 0; i < page.runs.size(); ++i)
      run_of(page.runs[i], fmt::format("run{}", i + 1));
    put("</main>\n");
    foot();
  }

 private:
  void put(std::string_view text) { sink_(text); }

  void head(const std::string& title) {
    put("<!doctype html>\n<html lang=\"en\" data-theme=\"light\">\n<head>\n<meta "
        "charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src "
        "'unsafe-inline'; "
        "style-src 'unsafe-inline'; img-src data:\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    put(html(title) + "</title>\n<style>\n");
    put(page_style());
    put("</style>\n<script>\n");
    put(page_theme_script());
    put("</script>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the report</a>\n");
  }

  void contents_of_runs(const report_page& page) {
    put("<nav aria-label=\"Runs\"><ul>\n");
    for (const report_section& part : page.compared)
      put(fmt::format("<li><a href=\"#all-{}\">{}</a></li>\n", html(part.key), html(part.title)));
    for (std::size_t i = 0; i < page.runs.size(); ++i)
      put(fmt::format("<li><a href=\"#run{}\">{}</a></li>\n", i + 1, html(page.runs[i].name)));
    put("</ul></nav>\n");
  }

  void run_of(const report_run& run, const std::string& id) {
    put(fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n<p class=\"source\">Source: {}</p>\n", id,
                    html(run.name), html(charts::shortened(run.source, most_cell_letters))));
    summary_of(run.summary);
    put("<nav aria-label=\"Contents\"><ul>\n");
    if (run.timeline) put(fmt::format("<li><a href=\"#{}-timeline\">Timeline</a></li>\n", id));
    for (const report_section& part : run.sections)
      put(fmt::format("<li><a href=\"#{}-{}\">{}</a></li>\n", id, html(part.key),
                      html(part.title)));
    put("</ul></nav>\n");
    if (run.timeline) timeline_of(run, id);
    for (const report_section& part : run.sections) section_of(part, id);
    put("</section>\n");
  }

  void summary_of(const std::vector<line>& sentences) {
    if (sentences.empty()) return;
    put("<ul class=\"summary\">\n");
    for (const line& text : sentences) {
      const std::string_view verdict = verdict_of(text.colour);
      put(fmt::format(
          "<li class=\"{}\">{}{}</li>\n", class_of(text.colour),
          verdict.empty() ? "" : fmt::format("<span class=\"verdict\">{}</span>", verdict),
          sentence_html(text)));
    }
    put("</ul>\n");
  }

  // The sentence with its figures standing out.
  static std::string sentence_html(const line& text) {
    std::string result;
    std::size_t next = 0, from = 0;
    for (std::size_t at;
         (at = text.text.find("{}", from)) != std::string::npos && next < text.figures.size();
         from = at + 2) {
      result += html(text.text.substr(from, at - from));
      result += "<strong>" + html(sentence({"{}", {text.figures[next++]}})) + "</strong>";
    }
    return result + html(text.text.substr(from));
  }

  void section_of(const report_section& part, const std::string& id) {
    put(fmt::format("<section id=\"{}-{}\">\n<h3>{}</h3>\n", id, html(part.key), html(part.title)));
    for (const auto& item : part.items) {
      if (const auto* text = std::get_if<line>(&item))
        put(fmt::format("<p class=\"{}\">{}</p>\n", class_of(text->colour), html(sentence(*text))));
      else if (const auto* figures = std::get_if<table>(&item))
        put(html_table(*figures));
      else
        chart_of(std::get<charts::chart>(item));
    }
    put("</section>\n");
  }

  void chart_of(const charts::chart& chart) {
    put(
        fmt::format("<figure>\n<figcaption><h4>{}</h4><p class=\"small\">{}</p><p "
                    "class=\"small\">n = {} {}  ·  "
                    "source: {}</p></figcaption>\n",
                    html(chart.title), html(chart.shown), chart.n, html(chart.counted),
                    html(charts::shortened(chart.source, most_cell_letters))));
    const bool drawn = has_chart_library();
    if (drawn) {
      const std::string id = fmt::format("option{}", ++scripts_);
      put(fmt::format(
          "<div class=\"chart\" role=\"img\" aria-label=\"{}\" data-option=\"{}\" "
          "data-header=\"{}\" style=\"height:{}px\"></div>\n",
          html(chart.title + ": " + chart.shown + "; the table below has its figures"), id,
          charts::header_pixels, std::max(chart.height - charts::header_pixels, 120)));
      data_script(id, charts::option_json(chart));
      put("<details><summary>Figures of this chart</summary>\n");
    }
    put(html_table(chart.table));
    put(drawn ? "</details>\n</figure>\n" : "</figure>\n");
  }

  void timeline_of(const report_run& run, const std::string& id) {
    const analysis::timeline_pyramid& pyramid = run.timeline->pyramid;
    put(fmt::format("<section id=\"{}-timeline\">\n<h3>Timeline</h3>\n", id));
    put(fmt::format(
        "<p class=\"small\">n = {} spans and device operations on {} track{}; time since the start "
        "of the "
        "recording.{} Source: {}.</p>\n",
        pyramid.intervals, pyramid.tracks.size(), pyramid.tracks.size() == 1 ? "" : "s",
        pyramid.not_shown == 0
            ? ""
            : fmt::format(" Not shown: {} without usable times, or beyond {} tracks of {} rows.",
                          pyramid.not_shown, analysis::most_tracks, analysis::most_lanes),
        html(charts::shortened(run.source, most_cell_letters))));
    put("<p class=\"small\">Pale bars stand for several short spans: as high as the part of the "
        "time that they cover, in the "
        "colour of the one with most of it.");
    if (!run.timeline->blocks.empty())
      put(" On top: temporal blocks, with a tick where a pixel frame was complete (taller: late at "
          "25 per second). "
          "Dashed: prompt switches; their blocks are shaded.");
    put("</p>\n");
    const std::string data = fmt::format("option{}", ++scripts_);
    put(fmt::format("<div class=\"timeline\" data-data=\"{}\">\n", data));
    put("<div class=\"timeline-bar\">"
        "<button type=\"button\" data-do=\"in\" aria-label=\"Zoom in\">+</button>"
        "<button type=\"button\" data-do=\"out\" aria-label=\"Zoom out\">−</button>"
        "<button type=\"button\" data-do=\"left\" aria-label=\"Earlier\">←</button>"
        "<button type=\"button\" data-do=\"right\" aria-label=\"Later\">→</button>"
        "<button type=\"button\" data-do=\"whole\">Whole run</button>"
        "<label>Component: <select><option value=\"-1\">all</option></select></label></div>\n");
    put(
        fmt::format("<div class=\"timeline-frame\"><div class=\"timeline-scroller\"><canvas "
                    "tabindex=\"0\" role=\"application\" "
                    "aria-label=\"Timeline of {}\" aria-describedby=\"{}-keys\"></canvas>"
                    "<div class=\"timeline-spacer\"></div></div><div class=\"timeline-hint\" "
                    "hidden></div></div>\n",
                    html(charts::shortened(run.name)), id));
    put(
        fmt::format("<p class=\"small\" id=\"{}-keys\">Drag to move, Ctrl + wheel or pinch to "
                    "zoom, double-click to zoom to a span, "
                    "click to single out its component. Keys: arrows and + −, Home for the whole "
                    "run; with Shift the arrows go "
                    "from span to span; Enter singles out, Escape shows all.</p>\n"
                    "<p class=\"small timeline-status\" role=\"status\"></p>\n</div>\n",
                    id));
    data_script(data, timeline_json(*run.timeline));
    if (!run.trace.empty())
      put(
          fmt::format("<p class=\"small\">All of it, span by span: open <code>{}</code>, which "
                      "lies beside this page, in "
                      "ui.perfetto.dev (Open trace file).</p>\n",
                      html(run.trace)));
    put("</section>\n");
  }

  void data_script(const std::string& id, const std::string& json) {
    put(fmt::format("<script type=\"application/json\" id=\"{}\">", id));
    put(script_json(json));
    put("</script>\n");
  }

  void foot() {
    put(
        fmt::format("<footer class=\"small\"><p>Written by latency {}. Works offline: this file "
                    "fetches nothing.</p>\n",
                    LATENCY_VERSION_STRING));
    if (has_chart_library()) {
      put("<details class=\"licence\"><summary>Licence of the chart library</summary><pre>");
      put(html_lines(charts::echarts_licence()));
      put("</pre></details>\n");
    }
    put("</footer>\n");
    if (has_chart_library()) {
      data_script("theme-light", charts::theme_json(charts::theme::light));
      data_script("theme-dark", charts::theme_json(charts::theme::dark));
      put("<script>\n");
      put(charts::echarts_source());
      put("\n</script>\n");
    }
    put("<script>\n");
    put(charts::box_series());
    put(charts::mark_labels());
    for (const std::string_view script : page_scripts()) put(script);
    put("</script>\n</body>\n</html>\n");
  }

  const std::function<void(std::string_view)>& sink_;
  int scripts_ = 0;
};

}  // namespace

void write_html_report(const std::function<void(std::string_view)>& sink, const report_page& page) {
  page_writer(sink).write(page);
}

}  // namespace latency::render
