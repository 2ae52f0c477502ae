#pragma once
// A page for the browser: one file that needs no network, with the charts in it.

#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "analyzers/charts/chart.hpp"
#include "analyzers/render/document.hpp"

namespace latency::render {

struct report_section {
  std::string key;
  std::string title;
  std::vector<std::variant<line, table, charts::chart>> items;  // in the order in which they stand
};

struct report_page {
  std::string title;
  std::string source;         // the file or files that it reports on
  std::vector<line> summary;  // for who reads nothing else
  std::vector<report_section> sections;
};

// Gives the HTML to `sink` piece by piece. Where the build has no chart library, each chart is its
// table, and the page says why.
void write_html_report(const std::function<void(std::string_view)>& sink, const report_page& page);

}  // namespace latency::render
