// The ECharts options of the sample run against tests/data/charts. After a change that is meant:
//   scripts/record_chart_options.sh, and look at the difference.

#include "analyzers/charts/option.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/analyzers/charts/sample_charts.hpp"
#include "tests/analyzers/sample_run.hpp"
#include "tests/temporary_folder.hpp"

namespace latency::charts {

namespace {

using json = nlohmann::ordered_json;

json as_json(std::monostate) {
  return nullptr;
}
template <class Value>
json as_json(const Value& value) {
  return value;
}

// Figures stay on one line: a file of a screen or two shows a chart. Below it its table.
std::string readable(const chart& of) {
  const json option = json::parse(option_json(of));
  std::string text = "{\n";
  for (const auto& [key, value] : option.items()) {
    text += json(key).dump() + ": ";
    if (key != "series") {
      text += value.dump() + ",\n";
      continue;
    }
    text += "[\n";
    for (const json& s : value) text += s.dump() + (&s == &value.back() ? "\n" : ",\n");
    text += "],\n";
  }
  text += "\"table\": [\n";
  json keys = json::array();
  for (const render::column& c : of.table.columns) keys.push_back(c.key);
  text += keys.dump();
  for (const auto& row : of.table.rows) {
    json cells = json::array();
    for (const render::cell& c : row)
      std::visit([&](const auto& value) { cells.push_back(as_json(value)); }, c);
    text += ",\n" + cells.dump();
  }
  return text + "\n]\n}\n";
}

recording full_run() {
  recording run = test::sample_run();
  run.source = "sample_run";
  run.memory.push_back({0, run.strings.add("start"), 100 << 20, 100 << 20, 0, 0, 0, 0});
  run.memory.push_back(
      {700 * test::ms, run.strings.add("middle"), 300 << 20, 400 << 20, 0, 0, 0, 0});
  return run;
}

chart one_line() {
  chart of;
  of.key = "line";
  of.title = "Line";
  of.counted = "points";
  of.x = {"time", render::unit::duration_ns};
  of.y = {"memory", render::unit::bytes};
  of.data = {{"one", "#000000", shape::line, "", {{1e6, 1 << 20}, {2e6, 3 << 20}}}};
  return of;
}

}  // namespace

TEST_CASE("chart options: those of the sample run are as recorded") {
  const std::vector<chart> all = test::charts_of(full_run());
  CHECK(all.size() == 12);  // no kernels on a CPU
  for (const chart& c : all) {
    CAPTURE(c.key);
    const std::string path = std::string(LATENCY_TEST_DATA) + "/charts/" + c.key + ".json";
    if (std::getenv("LATENCY_RECORD") != nullptr) std::ofstream(path) << readable(c);
    CHECK(readable(c) == latency_test::read_file(path));
  }
}

TEST_CASE("chart options: every chart says what is shown, its unit, its n and its source") {
  for (const chart& c : test::charts_of(full_run())) {
    CAPTURE(c.key);
    CHECK(c.n > 0);
    const json option = json::parse(option_json(c));
    const std::string below = option["title"]["subtext"];
    CHECK(below.find(c.shown) != below.npos);
    CHECK(below.find("n = " + std::to_string(c.n) + " " + c.counted) != below.npos);
    CHECK(below.find("source: sample_run") != below.npos);
    const bool has_unit =
        option["xAxis"]["name"].get<std::string>().find('(') != std::string::npos ||
        option["yAxis"]["name"].get<std::string>().find('(') != std::string::npos;
    CHECK(has_unit);
    CHECK_FALSE(c.table.rows.empty());
    for (const auto& row : c.table.rows) CHECK(row.size() == c.table.columns.size());
  }
}

TEST_CASE("chart options: figures are in the unit of their axis, gaps are null") {
  chart of = one_line();
  of.data[0].points.push_back({3e6, std::numeric_limits<double>::quiet_NaN()});
  const json option = json::parse(option_json(of));
  CHECK(option["xAxis"]["name"] == "time (ms)");
  CHECK(option["yAxis"]["name"] == "memory (MiB)");
  CHECK(option["series"][0]["data"] == json::parse("[[1,1],[2,3],[3,null]]"));
}

TEST_CASE("chart options: hostile names are text, shortened, and never steer anything") {
  recording run = test::sample_run();
  const std::string huge(10'000, 'x');
  const std::string hostile[] = {"</script><script>alert(1)</script>",
                                 "a\"b'c\\",
                                 "\xF0\x9F\x98\x80",
                                 huge,
                                 "line\nbreak\x1b[31m",
                                 "not utf-8 \xff\xfe",
                                 "\xEF\xBF\xBF"};
  std::size_t next = 0;
  for (span& s : run.spans)
    if (next < std::size(hostile)) s.name = run.strings.add(hostile[next++]);
  for (const chart& c : test::charts_of(run)) {
    CAPTURE(c.key);
    const std::string text = option_json(c);
    CHECK(text.size() < 200'000);
    CHECK(text.find(
              "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx") ==
          text.npos);
    CHECK(text.find("\\u001b") == text.npos);
    CHECK(text.find("\xEF\xBF\xBF") == text.npos);
    CHECK(json::accept(text));
  }
}

TEST_CASE("chart options: a shortened name keeps its ends and its code points") {
  CHECK(shortened("short", 10) == "short");
  CHECK(shortened("0123456789", 7) == "012…789");
  CHECK(shortened("ääääääää", 5) == "ää…ää");
  CHECK(shortened("a\tb", 5) == "a?b");
}

}  // namespace latency::charts
