#include "analyzers/render/html_report.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "analyzers/render/html_table.hpp"
#include "analyzers/render/html_text.hpp"

using namespace latency;
using namespace latency::render;
using nlohmann::json;

namespace {

std::string written(const report_page& page) {
  std::string text;
  write_html_report([&](std::string_view piece) { text += piece; }, page);
  return text;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

constexpr const char* hostile = "</script><script>alert(\"1\")</script><!--'&\xe2\x80\xa8";

table table_named(const std::string& name, std::size_t rows) {
  table result{"t", name, {{"name", name}, {"time", "time", unit::duration_ns}}, {}};
  for (std::size_t i = 0; i < rows; ++i)
    result.rows.push_back({name, static_cast<std::int64_t>(i * 1'000'000)});
  return result;
}

report_timeline timeline_named(const std::string& name) {
  report_timeline result;
  analysis::timeline_pyramid& p = result.pyramid;
  p = {100, 1000, {name, "b"}, {{name, analysis::track_kind::host_thread, 0, 1, 4}}, {}, 4, 0};
  p.levels.push_back({0, {{{300, 500, 1, 200, 50, 200, 1}, {600, 900, 3, 250, 250, 130, 0}}}});
  return result;
}

}  // namespace

TEST_CASE("html: text and data cannot become markup") {
  CHECK(html("<a href='x'>\"&</a>") == "&lt;a href=&#39;x&#39;&gt;&quot;&amp;&lt;/a&gt;");
  CHECK(script_json(R"({"a":"</script><!--"})") == R"({"a":"\u003c/script>\u003c!--"})");
  CHECK(json::parse(script_json(json{{"a", hostile}}.dump())).at("a") == hostile);
}

TEST_CASE("html report: nothing out of a file ends a script or begins one") {
  const auto page_with = [](const std::string& name) {
    report_page page{name, {{name, {}, tone::plain}}, {}, {}};
    report_run run{name, name, name, {{name, {}, tone::bad}}, timeline_named(name), {}};
    run.timeline->switches.push_back({500, name});
    charts::chart chart;
    chart.title = chart.shown = chart.source = chart.counted = name;
    chart.table = table_named(name, 2);
    chart.y.categories = {name, name};
    chart.data.push_back({name, "#000000", charts::shape::bar, "", {{1, 0}, {2, 1}}, {}, {}});
    run.sections.push_back(
        {name, name, {line{name, {}, tone::plain}, table_named(name, 3), chart}});
    page.runs.push_back(std::move(run));
    return written(page);
  };
  const std::string plain = page_with("x"), attacked = page_with(hostile);
  for (const char* const markup : {"<script", "</script", "<!--", "<"})
    CHECK_MESSAGE(count(attacked, markup) == count(plain, markup), markup);
  CHECK(attacked.find("\xe2\x80\xa8") == std::string::npos);  // U+2028
}

TEST_CASE("html report: the browser is told to fetch nothing, and there is nothing to fetch") {
  const std::string text = written({"t", {}, {}, {}});
  CHECK(text.find("default-src 'none'") != std::string::npos);
  for (const char* const fetching : {"<link", "<img", "<iframe", "@import", " src=\"", "url("})
    CHECK_MESSAGE(count(text.substr(0, text.find("<main")), fetching) == 0, fetching);
}

TEST_CASE("html report: a long table is cut and says so; columns sort by raw values") {
  report_page page{"t", {}, {}, {{"run", "file.json", "", {}, std::nullopt, {}}}};
  page.runs[0].sections.push_back({"k", "K", {table_named("n", most_table_rows + 5)}});
  const std::string text = written(page);
  CHECK(count(text, "<td>n</td>") == most_table_rows);
  CHECK(text.find("The first 200 of 205 rows.") != std::string::npos);
  CHECK(text.find("<td class=\"right\" data-v=\"3000000\">3.0</td>") != std::string::npos);
}

TEST_CASE("html report: a chart stands with its n, its unit of counting and its source") {
  report_page page{"t", {}, {}, {{"run", "f", "", {}, std::nullopt, {}}}};
  charts::chart chart;
  chart.title = "Title";
  chart.shown = "what is shown";
  chart.n = 3;
  chart.counted = "spans";
  chart.source = "a.json";
  chart.table = table_named("n", 1);
  page.runs[0].sections.push_back({"k", "K", {chart}});
  const std::string text = written(page);
  CHECK(text.find("<h4>Title</h4>") != std::string::npos);
  CHECK(text.find(">what is shown</p>") != std::string::npos);
  CHECK(text.find("n = 3 spans  ·  source: a.json") != std::string::npos);
}

TEST_CASE("html report: a summary says in words, too, what is bad") {
  report_page page{"t", {}, {}, {{"run", "f", "", {}, std::nullopt, {}}}};
  page.runs[0].summary = {
      {"{} of {} late",
       {{"a", unit::integer, std::int64_t{3}}, {"b", unit::integer, std::int64_t{7}}},
       tone::bad}};
  CHECK(written(page).find("<span class=\"verdict\">Bad</span><strong>3</strong> of "
                           "<strong>7</strong> late") != std::string::npos);
}

// 4 numbers of the first item: 300 - 100 = 200 (two bytes), 200, name 1 * 2, 200 - 50.
TEST_CASE("timeline data: levels are packed as documented") {
  const json data = json::parse(timeline_json(timeline_named("a<b")));
  CHECK(data.at("names").at(0).at(0) == "a<b");
  CHECK(data.at("tracks").at(0) == json{"a<b", "host thread", 0, 1, 4});
  REQUIRE(data.at("levels").size() == 1);
  CHECK(data.at("levels").at(0).at(0) == 0);
  // 02 | c8 01  c8 01  02  96 01 | 64  ac 02  01  03  32  00  78
  CHECK(data.at("levels").at(0).at(1) == "AsgByAEClgFkrAIBAzIAeA==");
}

TEST_CASE("timeline data: too many marks are left out and counted") {
  report_timeline many = timeline_named("a");
  many.pixel_frames.resize(most_timeline_marks + 1);
  many.blocks.push_back({100, 200, 3, "full"});
  const json data = json::parse(timeline_json(many));
  CHECK(data.at("pixel_frames").empty());
  CHECK(data.at("not_drawn") == json{{"pixel_frames", most_timeline_marks + 1}});
  CHECK(data.at("blocks") == json::array({json{100, 200, 3, "full"}}));
}
