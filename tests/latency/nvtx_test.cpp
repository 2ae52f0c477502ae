// What a tool is told about ranges: nvtx_program runs under nvtx_listener, which prints it.
#include <doctest/doctest.h>

#include <cstdlib>
#include <sstream>
#include <vector>

// Compiled with LATENCY_ENABLED=0: scopes vanish.
#include <latency/nvtx.hpp>

#include "tests/temporary_folder.hpp"

namespace {

using lines = std::vector<std::string>;

lines output_of(const std::string& environment) {
  const latency_test::temporary_folder folder;
  const std::string command = environment + " " + LATENCY_NVTX_PROGRAM + " >" + folder / "out";
  REQUIRE(std::system(command.c_str()) == 0);
  std::istringstream text(latency_test::read_file(folder / "out"));
  lines result;
  for (std::string line; std::getline(text, line);) result.push_back(line);
  return result;
}

lines beginning_with(const std::string& word, const lines& all) {
  lines result;
  for (const std::string& line : all)
    if (line.rfind(word + " ", 0) == 0) result.push_back(line);
  return result;
}

const std::string under_listener = "NVTX_INJECTION64_PATH=" LATENCY_NVTX_LISTENER;

}  // namespace

TEST_CASE("nvtx: ranges nest as spans do, with registered names and the first number as payload") {
  const lines all = output_of(under_listener);
  const auto first = std::find(all.begin(), all.end(), "push latency decode 7");
  REQUIRE(all.end() - first >= 9);
  CHECK(lines(first, first + 9) == lines{"push latency decode 7", "register latency attention",
                                         "push latency attention 0.5", "pop latency",
                                         "register latency ffn", "push latency ffn", "pop latency",
                                         "pop latency", "push latency decode 8"});
}

TEST_CASE("nvtx: the domain is made once, and every text registered once") {
  const lines all = output_of(under_listener);
  CHECK(beginning_with("domain", all) == lines{"domain latency"});
  CHECK(beginning_with("register", all) ==
        lines{"register latency decode", "register latency attention", "register latency ffn"});
  CHECK(beginning_with("push", all).size() == 9);
  CHECK(beginning_with("pop", all).size() == 9);
}

TEST_CASE("nvtx: a scope is a span too, a range is not, and neither needs a tool") {
  const lines spans = {"span ffn", "span decode", "span ffn", "span decode"};
  CHECK(beginning_with("span", output_of(under_listener)) == spans);
  CHECK(output_of("") == spans);
}

TEST_CASE("nvtx: scopes vanish with LATENCY_ENABLED=0") {
  static_assert(std::is_empty_v<latency::nvtx::scope>);
  const latency::nvtx::scope s{"vanished", {"token", 1}, {"layer", 2}};
  CHECK(s.id() == 0);
}
