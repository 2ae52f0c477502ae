// `latency explain`, run as a user runs it.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <nlohmann/json.hpp>
#include <string>

#include "schema_complaint.hpp"
#include "tests/temporary_folder.hpp"

namespace {

using latency_test::read_file;
using latency_test::temporary_folder;

const std::string example = std::string(LATENCY_TEST_DATA) + "/timing/two_segments.json";

struct result {
  int status = -1;
  std::string out;
  std::string err;
};

result explain(const std::string& arguments) {
  const temporary_folder folder;
  const std::string command = std::string(LATENCY_TOOL) + " explain " + arguments + " >" +
                              (folder / "out") + " 2>" + (folder / "err");
  const int status = std::system(command.c_str());
  return {WEXITSTATUS(status), read_file(folder / "out"), read_file(folder / "err")};
}

}  // namespace

TEST_CASE("latency explain: the switch block's 40 ms are told in sentences") {
  const result r = explain(example);
  CHECK(r.status == 0);
  CHECK(r.err.empty());
  CHECK(r.out.find("1. Block 3 (switch)") != r.out.npos);
  CHECK(r.out.find("It took 170.0 ms with its decoding, 40.00 ms more") != r.out.npos);
  CHECK(r.out.find("diffusion_forward in prompt_switch_recache came on top: 24.00 ms") !=
        r.out.npos);
}

TEST_CASE("latency explain: the rows of the table add up to the difference") {
  const auto report = nlohmann::json::parse(explain(example + " --format json").out);
  CHECK(latency_test::schema_complaint("explain.schema.json", report) == "");
  std::int64_t sum = 0;
  for (const auto& row : report["sections"]["case_1"]["tables"]["changes"])
    sum += row["change_ns"].get<std::int64_t>();
  CHECK(sum == 40'000'000);
  CHECK(report["sections"]["case_1"]["lines"][0]["figures"]["excess_ns"] == 40'000'000);
}

TEST_CASE("latency explain: bad requests are refused in one line") {
  for (const std::string& arguments : {std::string("missing.json"), example + " --span nothing",
                                       example + " --most 0", std::string()}) {
    const result r = explain(arguments);
    CAPTURE(arguments);
    CHECK(r.status == 2);
    CHECK(r.out.empty());
    CHECK(r.err.find('\n') == r.err.size() - 1);
  }
}

TEST_CASE("latency explain: every format can be printed, and --help has examples") {
  for (const char* format : {"table", "markdown", "csv", "json"})
    CHECK(explain(example + " --format " + format).out.size() > 300);
  CHECK(explain("--help").out.find("Examples:") != std::string::npos);
}
