// What the environment variables do to a whole process.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <latency/latency.hpp>
#include <nlohmann/json.hpp>

#include "tests/temporary_folder.hpp"

namespace {

// Runs the program through the shell with environment assignments in front; returns its exit
// status.
int run(const std::string& environment, const std::string& arguments,
        const std::string& errors = "/dev/null") {
  const std::string command =
      environment + " " + LATENCY_RECORDING_PROGRAM + " " + arguments + " 2>" + errors;
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

nlohmann::json read_json(const std::string& path) {
  return nlohmann::json::parse(std::ifstream(path));
}

std::vector<int> steps(const nlohmann::json& file) {
  std::vector<int> found;
  for (const auto& attributes : file["spans"]["attributes"])
    if (attributes.is_object() && attributes.contains("i")) found.push_back(attributes["i"]);
  return found;
}

}  // namespace

TEST_CASE("environment: LATENCY_OUTPUT records a program that makes no session") {
  const latency_test::temporary_folder folder;
  CHECK(run("LATENCY_OUTPUT=" + folder / "out.json", "plain") == 0);
  CHECK(steps(read_json(folder / "out.json")) == std::vector<int>{0, 1, 2, 3, 4});
  CHECK(folder.names() == std::vector<std::string>{"out.json"});
}

TEST_CASE("environment: LATENCY_OUTPUT replaces the file name of a program's own session") {
  const latency_test::temporary_folder folder;
  CHECK(run("LATENCY_OUTPUT=" + folder / "env.json", "own " + folder / "own.json") == 0);
  CHECK(folder.names() == std::vector<std::string>{"env.json"});
}

TEST_CASE("environment: a second session at the same time is refused with LATENCY_OUTPUT too") {
  const latency_test::temporary_folder folder;
  CHECK(run("LATENCY_OUTPUT=" + folder / "env.json", "two " + folder / "own.json") == 2);
  CHECK(folder.names() == std::vector<std::string>{"env.json"});
}

TEST_CASE("environment: LATENCY_ENABLED=0 records and writes nothing") {
  const latency_test::temporary_folder folder;
  CHECK(run("LATENCY_ENABLED=0", "own " + folder / "own.json") == 0);
  CHECK(run("LATENCY_ENABLED=0 LATENCY_OUTPUT=" + folder / "env.json", "plain") == 0);
  CHECK(folder.names().empty());
}

TEST_CASE("environment: LATENCY_REGIONS records only the occurrences it selects") {
  const latency_test::temporary_folder folder;
  const std::string output = "LATENCY_OUTPUT=" + folder / "out.json";
  CHECK(run(output + " LATENCY_REGIONS='generate:wait=2,warmup=3,active=4'", "regions") == 0);
  const auto file = read_json(folder / "out.json");
  CHECK(steps(file) == std::vector<int>{2, 3, 4, 5, 6, 7, 8});
  CHECK(file["hygiene"]["warm_up_regions"] == 3);
  CHECK(file["hygiene"]["skipped_regions"] == 3);
  int warm_up = 0;
  for (const int flags : file["spans"]["flags"])
    warm_up += (flags & latency::span_warm_up) != 0 ? 1 : 0;
  CHECK(warm_up == 3);
  CHECK(run(output + " LATENCY_REGIONS=other", "regions") == 0);
  const auto other = read_json(folder / "out.json");
  CHECK(steps(other) == std::vector<int>{10});
  CHECK(other["spans"]["id"].size() == 3);  // a region inside it that is not named is a scope
  CHECK(run(output, "regions") == 0);
  CHECK(steps(read_json(folder / "out.json")).size() == 11);
}

TEST_CASE("environment: LATENCY_CAPACITY bounds the buffer") {
  const latency_test::temporary_folder folder;
  CHECK(run("LATENCY_CAPACITY=many", "own " + folder / "out.json", folder / "errors") == 2);
  CHECK(
      latency_test::read_file(folder / "errors") ==
      "recording_program: LATENCY_CAPACITY: \"many\": must be a number of spans per thread from 1 "
      "to 268435456\n");
  CHECK(run("LATENCY_REGIONS=a:weight=1", "own " + folder / "out.json", folder / "errors") == 2);
  CHECK(latency_test::read_file(folder / "errors") ==
        "recording_program: LATENCY_REGIONS: \"a:weight=1\": \"weight\" is not wait, warmup or "
        "active\n");
  CHECK(run("LATENCY_OUTPUT=/nonexistent/out.json", "plain", folder / "errors") == 0);
  CHECK(latency_test::read_file(folder / "errors") ==
        "latency: not recording: /nonexistent/out.json.journal: cannot create: No such file or "
        "directory\n");
  CHECK(folder.names() == std::vector<std::string>{"errors"});
}
