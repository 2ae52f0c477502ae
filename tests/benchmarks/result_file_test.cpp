#include "benchmarks/result_file.hpp"

#include <doctest/doctest.h>

#include <string>

#include "latency/error.hpp"

using benchmarks::parse_result_file;

namespace {

const std::string good =
    R"({"machine": "m", "command": "c", "commit": "0123abc", "date": "2026-11-20", "rows": [
 {"name": "a", "value": 25.5, "unit": "ns", "n": 30, "spread": 0.5,
  "reference": {"name": "b", "value": 20}, "ratio": 1.275},
 {"name": "c", "value": 2, "unit": "ms", "n": 1, "spread": null, "reference": null, "ratio": null,
  "work": {"amount": 3e12, "unit": "FLOP"}},
 {"name": "b", "value": 20, "unit": "ns", "n": 1, "spread": null, "reference": null, "ratio": null}
 ]})";

std::string with(const std::string& part, const std::string& instead) {
  std::string text = good;
  return text.replace(text.find(part), part.size(), instead);
}

}  // namespace

TEST_CASE("result file: every row comes back") {
  const benchmarks::result_file file = parse_result_file(good, "r.json");
  CHECK(file.machine == "m");
  CHECK(file.commit == "0123abc");
  REQUIRE(file.rows.size() == 3);
  CHECK(file.rows[0].value == 25.5);
  CHECK(file.rows[0].spread == 0.5);
  CHECK(file.rows[0].reference_name == "b");
  CHECK(file.rows[0].reference_value == 20);
  CHECK(file.rows[2].n == 1);
  CHECK_FALSE(file.rows[2].spread);
  CHECK(file.rows[2].reference_name.empty());
  CHECK_FALSE(file.rows[2].work);
  CHECK(file.rows[1].work->type == benchmarks::done_work::kind::flops);
  CHECK(file.rows[1].work->amount == 3e12);
}

TEST_CASE("result file: work in the time of a row is a rate") {
  benchmarks::row row;
  CHECK(benchmarks::work_text(row).empty());
  CHECK(benchmarks::rate_text(row).empty());
  row.value = 2;
  row.unit = "ms";
  row.work = {benchmarks::done_work::kind::flops, 1.5e12};
  CHECK(benchmarks::work_text(row) == "1500 GFLOP");
  CHECK(benchmarks::rate_text(row) == "750 TFLOP/s");
  row.unit = "us";
  row.work = {benchmarks::done_work::kind::bytes, 5e6};
  CHECK(benchmarks::work_text(row) == "5 MB");
  CHECK(benchmarks::rate_text(row) == "2500 GB/s");
}

TEST_CASE("result file: a ratio's interval comes back, and is shown behind it") {
  const std::string text =
      with("1.275}", "1.275, \"ratio_interval\": {\"low\": 1.2, \"high\": 1.3}}");
  const benchmarks::result_file file = parse_result_file(text, "r.json");
  REQUIRE(file.rows[0].ratio_interval);
  CHECK(file.rows[0].ratio_interval->first == 1.2);
  CHECK(file.rows[0].ratio_interval->second == 1.3);
  CHECK(ratio_text(file.rows[0]) == "1.275 (1.200 to 1.300) x b");
  CHECK_FALSE(file.rows[1].ratio_interval);
  CHECK(ratio_text(file.rows[1]).empty());
  CHECK(ratio_text(parse_result_file(good, "r.json").rows[0]) == "1.27 x b");
}

TEST_CASE("result file: what is wrong is refused in one line that names the file and the place") {
  const struct {
    std::string text, message;
  } refusals[] = {
      {"", "r.json: byte 1: not JSON"},
      {good.substr(0, 100), "r.json: byte 101: not JSON"},
      {"[]", "r.json: expected an object"},
      {with("25.5", "1e999"), "r.json: a number that no computer holds"},
      {with("\"machine\": \"m\", ", ""), "r.json: /machine: missing"},
      {with("\"m\"", "7"), "r.json: /machine: expected a text"},
      {with("25.5", "\"fast\""), "r.json: /rows/0/value: expected a number"},
      {with("\"n\": 1", "\"n\": -1"), "r.json: /rows/1/n: expected a count"},
      {with("FLOP", "hour"), "r.json: /rows/1/work/unit: expected FLOP or byte"},
      {with("3e12", "null"), "r.json: /rows/1/work/amount: expected a number"},
      {with("\"ms\"", "\"MB\""), "r.json: /rows/1/work: of a value without time"},
      {with("{\"name\": \"b\", \"value\": 20}", "[]"),
       "r.json: /rows/0/reference: expected an object"},
      {with("1.275}", "1.275, \"ratio_interval\": {\"low\": 1}}"),
       "r.json: /rows/0/ratio_interval/high: missing"},
      {with("\"unit\": \"ns\", \"n\": 1", "\"n\": 1"), "r.json: /rows/2/unit: missing"},
  };
  for (const auto& refused : refusals)
    CHECK_THROWS_WITH_AS(static_cast<void>(parse_result_file(refused.text, "r.json")),
                         refused.message.c_str(), latency::error);
}
