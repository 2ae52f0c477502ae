#pragma once
// A page for the browser: one file that needs no network, with tables, charts and timelines in it.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "analyzers/charts/chart.hpp"
#include "analyzers/render/document.hpp"
#include "analyzers/render/timeline_data.hpp"

namespace latency::render {

struct report_section {
  std::string key;
  std::string title;
  std::vector<std::variant<line, table, charts::chart>> items;  // in the order in which they stand
};

struct report_run {
  std::string name;
  std::string source;         // the file that it was read from
  std::string trace;          // the Chrome trace beside the page, empty: none
  std::vector<line> summary;  // for who reads nothing else
  std::optional<report_timeline> timeline;
  std::vector<report_section> sections;
};

struct report_page {
  std::string title;
  std::vector<line> summary;  // of all runs together, as is `compared`; stands first
  std::vector<report_section> compared;
  std::vector<report_run> runs;
};

// Gives the HTML to `sink` piece by piece. Texts stand in it as texts, whatever they hold, and the
// browser is told to fetch nothing. Where the build has no chart library, each chart is its table,
// and the page says why.
void write_html_report(const std::function<void(std::string_view)>& sink, const report_page& page);

}  // namespace latency::render
