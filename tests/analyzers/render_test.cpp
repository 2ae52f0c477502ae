#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "analyzers/render/display.hpp"
#include "analyzers/render/writers.hpp"
#include "tests/analyzers/csv_reader.hpp"
#include "tests/analyzers/sample_document.hpp"
#include "tests/temporary_folder.hpp"

namespace {

using namespace latency::render;
using latency_test::sample_document;

std::string golden(const std::string& name) {
  return latency_test::read_file(std::string(LATENCY_TEST_DATA) + "/render/" + name);
}

std::string shown_alone(unit type, const cell& value) {
  return shown(value, scale_for(type, {&value}));
}

std::size_t widest_line(const std::string& text) {
  std::size_t widest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, width_of(line));
  return widest;
}

table wide_table(std::size_t columns, const std::string& name) {
  table result{"wide", "", {{"name", "name", unit::text}}, {{name}}};
  for (std::size_t c = 0; c < columns; ++c) {
    result.columns.push_back({std::to_string(c), "value", unit::integer});
    result.rows[0].emplace_back(std::int64_t{123'456'789});
  }
  return result;
}

}  // namespace

TEST_CASE("terminal writer: the sample looks as agreed") {
  CHECK(to_terminal(sample_document(), false) == golden("sample.txt"));
}
TEST_CASE("terminal writer: colour adds escapes around whole lines and nothing else") {
  const std::string text = to_terminal(sample_document(), true);
  CHECK(text == golden("sample_colour.txt"));
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b')
      i = text.find('m', i);
    else
      plain += text[i];
  }
  CHECK(plain == golden("sample.txt"));
}
TEST_CASE("markdown writer: the sample looks as agreed") {
  CHECK(to_markdown(sample_document()) == golden("sample.md"));
}
TEST_CASE("csv writer: the sample looks as agreed") {
  CHECK(to_csv({sample_document()}) == golden("sample.csv"));
}
TEST_CASE("json writer: the sample looks as agreed") {
  CHECK(to_json({sample_document()}) == golden("sample.json"));
}

TEST_CASE("terminal writer: a name from a file cannot steer the terminal") {
  const std::string text = to_terminal(sample_document(), false);
  CHECK(text.find('\x1b') == text.npos);
  CHECK(text.find("esc?[31m?new") != text.npos);
}

TEST_CASE("terminal writer: no line is wider than 100 characters, whatever the table") {
  document wide{"sample", "title", "s", {}};
  wide.sections.push_back({"s", std::string(120, 'x'), {}});
  wide.sections[0].items.emplace_back(
      line{std::string(90, 'a').append(" ").append(250, 'b'), {}, {}});
  for (const std::size_t columns : {0u, 1u, 7u, 8u, 9u, 25u})
    wide.sections[0].items.emplace_back(wide_table(columns, std::string(80, 'n')));
  CHECK(widest_line(to_terminal(wide, false)) <= terminal_columns);
}

TEST_CASE("terminal writer: a path is never broken, neither in the title nor in a whole column") {
  const std::string path = "/a folder/" + std::string(150, 'p') + ".json";
  document long_path{"sample", "title", path, {}};
  table facts{"facts", "", {{"key", "key"}, {"value", "value", unit::text, true, true}}, {}};
  facts.rows = {{"path", path.substr(10)}, {"command", std::string(60, 'c') + " --option x"}};
  facts.rows.push_back({"long", "before " + std::string(80, 'v') + " after"});
  long_path.sections = {{"s", "s", {facts}}};
  const std::string text = to_terminal(long_path, false);
  CHECK(text.find("title: " + path + "\n") == 0);
  CHECK(text.find("  path     " + path.substr(10) + "\n") != text.npos);
  CHECK(text.find("  command  " + std::string(60, 'c') + " --option x\n") != text.npos);
  CHECK(text.find("  long     before " + std::string(80, 'v') + "\n" + std::string(11, ' ') +
                  "after\n") != text.npos);
}

TEST_CASE("terminal writer: a table that is too wide is cut up, every part with its key column") {
  document wide{"sample", "t", "", {{"s", "s", {wide_table(20, "key")}}}};
  const std::string text = to_terminal(wide, false);
  std::size_t keys = 0;
  for (std::size_t at = text.find("  key "); at != text.npos; at = text.find("  key ", at + 1))
    ++keys;
  CHECK(keys == 3);
  std::size_t values = 0;
  for (std::size_t at = text.find("123456789"); at != text.npos;
       at = text.find("123456789", at + 1))
    ++values;
  CHECK(values == 20);
}

TEST_CASE(
    "terminal writer: names are shortened rather than the table cut, and no more than needed") {
  const std::string name = "a_very_long_name_of_a_component_of_the_run_x";  // 44 characters
  document wide{"sample", "t", "", {{"s", "s", {wide_table(6, name)}}}};
  const std::string text = to_terminal(wide, false);
  CHECK(text.find(name) == text.npos);
  CHECK(widest_line(text) == terminal_columns);
  wide.sections[0].items = {wide_table(4, name)};
  CHECK(to_terminal(wide, false).find(name) != text.npos);
}

TEST_CASE("display: units suit the largest value, decimals the smallest") {
  CHECK(shown_alone(unit::duration_ns, std::int64_t{999}) == "999");
  CHECK(shown_alone(unit::duration_ns, 12.5) == "12.50");
  CHECK(sentence({"{}", {{"k", unit::duration_ns, std::int64_t{1'000}}}, {}}) == "1.00 us");
  CHECK(sentence({"{}", {{"k", unit::duration_ns, std::int64_t{85'250'000}}}, {}}) == "85.25 ms");
  CHECK(sentence({"{}", {{"k", unit::duration_ns, std::int64_t{100'000'000'000}}}, {}}) ==
        "100.0 s");
  CHECK(sentence({"{}", {{"k", unit::exact_ns, std::int64_t{85'250'001}}}, {}}) == "85250001 ns");
  CHECK(sentence({"{}", {{"k", unit::bytes, std::int64_t{1536}}}, {}}) == "1.50 KiB");
  CHECK(sentence({"{}", {{"k", unit::ratio, 0.123}}, {}}) == "12.3 %");
  CHECK(sentence({"{}", {{"k", unit::rate, 24.96}}, {}}) == "24.96 per s");
  CHECK(sentence({"{}", {{"k", unit::bytes_per_second, 54.3e9}}, {}}) == "54.30 GB/s");
  CHECK(sentence({"{} of {}", {{"k", unit::integer, cell()}}, {}}) == "- of {}");
}

TEST_CASE("display: what rounds to zero and is not says so") {
  const cell large = 5e9;
  const cell small = std::int64_t{100};
  const scale as = scale_for(unit::duration_ns, {&large, &small});
  CHECK(shown(small, as) == "<0.001");
  CHECK(shown(cell(-100.0), as) == "-<0.001");
  CHECK(shown(cell(0.0), as) == "0.000");
}

TEST_CASE("display units are display only: csv and json hold the raw numbers") {
  const std::vector<cell> values = {
      std::int64_t{1},  std::int64_t{85'250'001}, 0.1,   1234567.890123, 9007199254740993.0,
      std::int64_t{-3}, std::int64_t{1} << 62,    1e-300};
  for (const unit type : {unit::duration_ns, unit::exact_ns, unit::ratio, unit::bytes, unit::rate,
                          unit::bytes_per_second, unit::number, unit::integer}) {
    table raw{"raw", "", {{"value", "value", type}}, {}};
    for (const cell& value : values) raw.rows.push_back({value});
    const document from{"sample", "t", "", {{"s", "s", {raw}}}};
    const auto rows = latency_test::csv_rows(to_csv({from}));
    const auto json = nlohmann::json::parse(to_json({from}));
    const std::string name = raw_name("value", type);
    REQUIRE(rows.size() == values.size() + 1);
    CHECK(rows[0][1] == name);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto& entry = json["sections"]["s"]["tables"]["raw"][i][name];
      if (const auto* integer = std::get_if<std::int64_t>(&values[i])) {
        CHECK(rows[i + 1][1] == std::to_string(*integer));
        CHECK(entry.get<std::int64_t>() == *integer);
      } else {
        CHECK(std::stod(rows[i + 1][1]) == std::get<double>(values[i]));
        CHECK(entry.get<double>() == std::get<double>(values[i]));
      }
    }
  }
}

TEST_CASE("csv writer: texts with commas, quotes and line breaks come back as they were") {
  const auto rows = latency_test::csv_rows(to_csv({sample_document()}));
  bool comma = false;
  bool line_break = false;
  for (const auto& row : rows) {
    comma = comma || (row.size() > 1 && row[1] == "comma, \"quote\" | bar");
    line_break = line_break || (row.size() > 1 && row[1] == "esc\x1b[31m\nnew \xc3\xa9");
  }
  CHECK(comma);
  CHECK(line_break);
}

TEST_CASE("csv and json writers: several documents name the file in every row") {
  document first = sample_document();
  document second = sample_document();
  second.source = "b.json";
  const auto rows = latency_test::csv_rows(to_csv({first, second}));
  CHECK(rows[0][0] == "file");
  std::size_t of_second = 0;
  for (const auto& row : rows) of_second += row[0] == "b.json" ? 1 : 0;
  CHECK(of_second == 5 + 3 + 2);  // figures, times, tree
  const auto json = nlohmann::json::parse(to_json({first, second}));
  CHECK(json["files"].size() == 2);
  CHECK(json["files"][1]["source"] == "b.json");
}

TEST_CASE("side by side: rows meet on their key, compared columns stand beside each other") {
  document first = sample_document();
  document second = sample_document();
  auto& rows = std::get<table>(second.sections[0].items[1]).rows;
  rows.erase(rows.begin());
  rows.push_back({"only B", std::int64_t{1}, 5.0, cell(), 0.25, cell(), cell(), cell()});
  const document joined = side_by_side({first, second}, false);
  REQUIRE(joined.sections.size() == 3);
  CHECK(joined.sections[0].key == "files");
  const auto* times = std::get_if<table>(&joined.sections[1].items.back());
  REQUIRE(times != nullptr);
  REQUIRE(times->columns.size() == 5);
  CHECK(times->columns[1].title == "mean A");
  CHECK(times->columns[2].title == "mean B");
  REQUIRE(times->rows.size() == 4);
  CHECK(std::get<double>(times->rows[0][1]) == 1'234'567.5);
  CHECK(std::holds_alternative<std::monostate>(times->rows[0][2]));
  CHECK(std::get<double>(times->rows[3][2]) == 5.0);
}

TEST_CASE("side by side: a line that all files share is shown once, others with their letter") {
  const document joined = side_by_side({sample_document(), sample_document()}, false);
  const auto& first = joined.sections[1].items;
  CHECK(std::get<line>(first[0]).text.rfind("A: ", 0) == 0);
  CHECK(std::get<line>(first[1]).text.rfind("B: ", 0) == 0);
  const auto& second = joined.sections[2].items;
  CHECK(std::get<line>(second[0]).text == "absent: nothing of the kind was recorded");
  CHECK(std::holds_alternative<table>(second[1]));
}
