// schemas/benchmark_result.schema.json, and every result that is committed.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "schema_complaint.hpp"

using nlohmann::json;

namespace {

std::string complaint_about(const json& document) {
  return latency_test::schema_complaint("benchmark_result.schema.json", document);
}

json good_result() {
  return json::parse(R"({"machine": "2 cores of a server processor", "command": "span_benchmark",
    "commit": "0123abc", "date": "2026-11-20",
    "rows": [{"name": "open_close", "value": 25.1, "unit": "ns", "n": 30, "spread": 0.4,
              "reference": {"name": "two timestamp reads", "value": 20.0}, "ratio": 1.255},
             {"name": "bytes_per_span", "value": 48, "unit": "bytes", "n": 1, "spread": null,
              "reference": null, "ratio": null},
             {"name": "copy", "value": 2.1, "unit": "us", "n": 1, "spread": null, "reference": null,
              "ratio": null, "work": {"amount": 5e6, "unit": "byte"}}]})");
}

}  // namespace

TEST_CASE("benchmark_result schema: rows with and without a reference are accepted") {
  CHECK(complaint_about(good_result()) == "");
}

TEST_CASE("benchmark_result schema: a figure without its unit, count or machine is refused") {
  for (const char* path : {"/machine", "/commit", "/rows/0/unit", "/rows/0/n", "/rows/0/value",
                           "/rows/0/reference/value", "/rows/2/work/unit"}) {
    CAPTURE(path);
    const json removal = json::array({{{"op", "remove"}, {"path", path}}});
    CHECK(complaint_about(good_result().patch(removal)) != "");
  }
}

TEST_CASE("benchmark_result schema: every committed result obeys it") {
  const std::filesystem::path results = LATENCY_RESULTS_DIR;
  if (!std::filesystem::exists(results)) return;  // nothing has been measured yet
  for (const auto& entry : std::filesystem::recursive_directory_iterator(results)) {
    if (entry.path().extension() != ".json") continue;
    CAPTURE(entry.path().string());
    std::ifstream file(entry.path());
    CHECK(complaint_about(json::parse(file)) == "");
  }
}
