// The subcommand `latency switch`, run as a user runs it.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "analyzers/render/display.hpp"
#include "schema_complaint.hpp"
#include "tests/analyzers/csv_reader.hpp"
#include "tests/analyzers/run_command.hpp"
#include "tests/temporary_folder.hpp"

namespace {

using latency_test::command_result;
using latency_test::csv_rows;
using latency_test::read_file;
using latency_test::temporary_folder;

// 6 blocks of 100 ms, the fourth 40 ms longer for its switch: 9 of resets, 5 of set-up, 25 of
// recache, 1 of its own; 30 ms of VAE after each block.
const std::string example = std::string(LATENCY_TEST_DATA) + "/timing/two_segments.json";

command_result latency_switch(const std::string& arguments) {
  return latency_test::run_latency("switch " + arguments);
}

nlohmann::json report(const std::string& arguments) {
  nlohmann::json found = nlohmann::json::parse(latency_switch(arguments + " --format json").out);
  CHECK(latency_test::schema_complaint("switch.schema.json", found) == "");
  return found["sections"];
}

nlohmann::ordered_json parsed_example() {
  return nlohmann::ordered_json::parse(read_file(example));
}

void write(const std::string& path, const nlohmann::ordered_json& content) {
  std::ofstream(path) << content;
}

// The example with other numbers for its only switch: what it recached, and how long it took.
std::string with_switch(const temporary_folder& folder, int recached, std::int64_t longer_ns) {
  nlohmann::ordered_json file = parsed_example();
  file["switches"]["recached_latent_frames"][0] = recached;
  const auto span = file["switches"]["span"][0];
  auto& spans = file["spans"];
  for (std::size_t i = 0; i < spans["id"].size(); ++i)
    if (spans["id"][i] == span)
      spans["duration_ns"][i] = spans["duration_ns"][i].get<std::int64_t>() + longer_ns;
  const std::string path = folder / ("recached_" + std::to_string(recached) + ".json");
  write(path, file);
  return path;
}

}  // namespace

TEST_CASE("latency switch: both definitions, each with parts that add up") {
  const auto sections = report(example);
  const auto each = sections["switches"]["tables"]["switches"];
  REQUIRE(each.size() == 1);
  CHECK(each[0]["delta_ns"] == 40'000'000);
  CHECK(each[0]["absolute_ns"] == 169'890'000);
  CHECK_FALSE(each[0].contains("file"));
  const auto delta = sections["delta"]["tables"]["delta_summary"];
  REQUIRE(delta.size() == 6);
  CHECK(delta[0]["part"] == "delta");
  CHECK(delta[1]["mean_ns"] == 9'000'000);
  CHECK(delta[2]["mean_ns"] == 5'000'000);
  CHECK(delta[3]["mean_ns"] == 25'000'000);
  CHECK(delta[4]["mean_ns"] == 1'000'000);
  CHECK(delta[5]["mean_ns"] == 0);
  const auto absolute = sections["absolute"]["tables"]["absolute_summary"];
  double sum = 0;
  for (std::size_t row = 1; row < absolute.size(); ++row)
    sum += absolute[row]["mean_ns"].get<double>();
  CHECK(sum == 169'890'000);
  CHECK(absolute[0]["mean_ns"] == 169'890'000);
}

TEST_CASE("latency switch: the steady state stands beside it") {
  const auto sections = report(example);
  const auto rows = sections["steady"]["tables"]["steady"];
  CHECK(rows[0]["per"] == "block, steady");
  CHECK(rows[0]["mean_ns"] == 100e6);
  CHECK(rows[1]["per"] == "block with a switch");
  CHECK(rows[1]["mean_ns"] == 140e6);
  CHECK(sections["steady"]["lines"][1]["figures"]["delta_of_steady_ratio"] == doctest::Approx(0.4));
  const auto segments = sections["segments"]["tables"]["segments"];
  CHECK(segments.size() == 2);
  CHECK(segments[1]["verdict"] == "cannot tell");
}

TEST_CASE("latency switch: files with other windows say what a smaller one saves") {
  const temporary_folder folder;
  const std::string files = example + " " + with_switch(folder, 3, -10'000'000) + " " +
                            with_switch(folder, 12, 10'000'000);
  const auto own = parsed_example()["switches"]["recached_latent_frames"][0].get<int>();
  const auto sections = report(files);
  CHECK(sections["files"]["tables"]["files"].size() == 3);
  const auto each = sections["switches"]["tables"]["switches"];
  CHECK(each[0]["file"] == "A");
  CHECK(each[2]["file"] == "C");
  const auto recache = sections["recache"]["tables"]["recache"];
  REQUIRE(recache.size() == 3);
  CHECK(recache[0]["recached_latent_frames"] == 3);
  CHECK(recache[0]["switch_total_mean_ns"] == 30'000'000);
  CHECK(recache[1]["recached_latent_frames"] == own);
  CHECK(recache[2]["switch_total_mean_ns"] == 50'000'000);
  CHECK(recache[0].contains("fitted_ns"));
  CHECK(sections["recache"]["lines"][0]["figures"]["n"] == 3);
  CHECK(sections["phases"]["tables"]["phases"][0]["switches"] == 3);
}

TEST_CASE("latency switch: it says when it cannot tell, and why") {
  CHECK(latency_switch(example).out.find(
            "cannot tell what a smaller window would save: 1 switch") != std::string::npos);
  const command_result same = latency_switch(example + " " + example + " " + example);
  CHECK(same.out.find("all 3 switches recached") != std::string::npos);
}

TEST_CASE("latency switch: copies within the switch have a rate for each direction") {
  const temporary_folder folder;
  nlohmann::ordered_json file = parsed_example();
  const auto span = file["switches"]["span"][0];
  file["device_ops"] = {{"start_ns", {500'000'000, 502'000'000}},
                        {"duration_ns", {1'000'000, 2'000'000}},
                        {"span", {span, span}},
                        {"correlation", {0, 0}},
                        {"graph_node", {0, 0}},
                        {"replay", {0, 0}},
                        {"bytes", {40'000'000, 20'000'000}},
                        {"name", {0, 0}},
                        {"device", {0, 0}},
                        {"stream", {7, 7}},
                        {"kind", {"memcpy", "memcpy"}},
                        {"direction", {"host_to_device", "host_to_device"}},
                        {"reason", {"none", "none"}}};
  write(folder / "copies.json", file);
  const auto sums = report((folder / "copies.json") + " --detailed")["transfers"]["tables"];
  REQUIRE(sums["transfers"].size() == 1);
  const auto row = sums["transfers"][0];
  CHECK(row["direction"] == "host to device");
  CHECK(row["copies"] == 2);
  CHECK(row["copied_bytes"] == 60'000'000);
  CHECK(row["time_ns"] == 3'000'000);
  CHECK(row["rate_bytes_per_second"] == doctest::Approx(20e9));
  CHECK(sums["transfers_by_switch"][0]["switch"] == 1);
}

TEST_CASE("latency switch: a run without switches says so and goes no further") {
  const temporary_folder folder;
  nlohmann::ordered_json file = parsed_example();
  for (auto& [name, column] : file["switches"].items()) column = nlohmann::json::array();
  write(folder / "none.json", file);
  const auto sections = report(folder / "none.json");
  CHECK(sections.size() == 2);
  CHECK(sections["switches"]["tables"]["switch_spans"].size() == 6);  // spans named like its parts
}

TEST_CASE("latency switch: real output fits 100 columns, and csv parses back") {
  for (const std::string& arguments :
       {example, example + " --detailed", example + " " + example + " --detailed"}) {
    std::istringstream lines(latency_switch(arguments).out);
    for (std::string line; std::getline(lines, line);)
      CHECK_MESSAGE(latency::render::width_of(line) <= 100, line);
  }
  bool found = false;
  for (const auto& row : csv_rows(latency_switch(example + " --format csv").out))
    found = found || (row[0] == "switch_parts" && row.size() == 11);
  CHECK(found);
  CHECK(latency_switch(example + " --format markdown").out.find("| switch |") != std::string::npos);
}

TEST_CASE("latency switch: bad input is one line and exit code 2, and the published name works") {
  const command_result missing = latency_switch("/nonexistent.json");
  CHECK(missing.status == 2);
  CHECK(missing.out.empty());
  CHECK(latency_test::is_one_line(missing.err));
  CHECK(latency_switch("").status == 2);
  const std::string program = LATENCY_TOOL;
  const std::string published = program.substr(0, program.rfind('/')) + "/analyze_prompt_switch ";
  CHECK(latency_test::run_command(published + example).out == latency_switch(example).out);
}
