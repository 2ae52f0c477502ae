// What `latency completion` prints, run by the shells that it is for.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/analyzers/run_command.hpp"

namespace {

using latency_test::run_command;
using latency_test::run_latency;
using latency_test::temporary_folder;

const std::string program = LATENCY_TOOL;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    if (!line.empty()) lines.push_back(line);
  std::sort(lines.begin(), lines.end());
  return lines;
}

// What bash offers for the last of the words, as it splits them (an '=' is a word of its own).
std::vector<std::string> offered(const std::string& words, const std::string& folder = "/") {
  const temporary_folder scratch;
  const std::string script = scratch / "complete.sh";
  std::ofstream(script) << "source <(" << program << " completion bash)\n"
                        << "cd '" << folder << "'\nCOMP_WORDS=(" << words << ")\n"
                        << "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_latency\n"
                        << "printf '%s\\n' \"${COMPREPLY[@]}\"\n";
  const auto done = run_command("bash --norc " + script);
  CHECK(done.err == "");
  return lines_of(done.out);
}

using words = std::vector<std::string>;

// The words of a help text that begin a line, with what CLI11 writes there.
std::set<std::string> found_in(const std::string& help, const std::string& pattern) {
  const std::regex expression(pattern);
  std::set<std::string> found;
  std::istringstream stream(help);
  for (std::string line; std::getline(stream, line);)
    for (std::sregex_iterator at(line.begin(), line.end(), expression), end; at != end; ++at)
      found.insert((*at)[1]);
  return found;
}

std::set<std::string> subcommands() {
  const std::string help = run_latency("--help").out;
  return found_in(help.substr(help.find("Subcommands:")), "^  ([a-z]+) ");
}

}  // namespace

TEST_CASE("latency completion: bash offers every subcommand, and all options of each") {
  const std::set<std::string> all = subcommands();
  CHECK(all.count("breakdown") == 1);
  const words first = offered("latency ''");
  CHECK(std::set<std::string>(first.begin(), first.end()) == all);
  for (const std::string& name : all) {
    CAPTURE(name);
    std::string help = run_latency(name + " --help").out;
    help = help.substr(0, help.find("Examples:"));
    const words options = offered("latency " + name + " -");
    const std::set<std::string> complete(options.begin(), options.end());
    const std::set<std::string> documented = found_in(help, "^ +(?:-[a-z],)?(--[a-z-]+)");
    CHECK(documented.count("--help") == 1);
    for (const std::string& option : documented) CHECK(complete.count(option) == 1);
  }
}

TEST_CASE("latency completion: bash completes what was begun, also under published names") {
  CHECK(offered("latency br") == words{"breakdown"});
  CHECK(offered("latency --ver") == words{"--version"});
  CHECK(offered("latency breakdown --deta") == words{"--detailed"});
  CHECK(offered("/usr/bin/analyze_prompt_switch --det") == words{"--detailed"});
  CHECK(offered("latency compare --threshold 2% --run") == words{"--run-to-run"});
  CHECK(offered("latency nonsense --").empty());
}

TEST_CASE("latency completion: bash offers the values of an option, or files, or nothing") {
  CHECK(offered("latency compare --format m") == words{"markdown"});
  CHECK(offered("latency compare --format ''") == words{"csv", "json", "markdown", "table"});
  CHECK(offered("latency compare --format = js") == words{"json"});
  CHECK(offered("latency compare --format =") == words{"csv", "json", "markdown", "table"});
  CHECK(offered("latency completion ''") == words{"bash", "fish", "zsh"});
  const temporary_folder folder;
  std::ofstream(folder / "timing file.json") << "{}";
  std::filesystem::create_directory(folder / "times");
  const std::string here = folder / "";
  CHECK(offered("latency breakdown ti", here) == words{"times", "timing file.json"});
  CHECK(offered("analyze_speedup --baseline-log ti", here) == words{"times", "timing file.json"});
  CHECK(offered("latency breakdown timing -o ti", here) == words{"times", "timing file.json"});
  CHECK(offered("latency speedup --bundle ti", here) == words{"times"});
  CHECK(offered("latency explain --span ti", here).empty());
}

TEST_CASE("latency completion: zsh and fish take their scripts") {
  const temporary_folder folder;
  for (const std::string shell : {"zsh", "fish"}) {
    const std::string script = folder / shell;
    REQUIRE(run_command(program + " completion " + shell + " > " + script).status == 0);
    CHECK(latency_test::read_file(script).find("table markdown json csv") != std::string::npos);
    if (run_command("command -v " + shell).status != 0) {
      MESSAGE(shell << " is not installed: its script was not run");
      continue;
    }
    const auto checked =
        run_command(shell + " --no-exec" + (shell == "fish" ? "ute " : " ") + script);
    CHECK(checked.status == 0);
    CHECK(checked.err == "");
  }
  if (run_command("command -v fish").status != 0) return;
  const auto fish = [&](const std::string& line) {
    return lines_of(run_command("fish --no-config -c 'source " + (folder / "fish") +
                                "; complete -C \"" + line + "\" | string split -f 1 \\t'")
                        .out);
  };
  CHECK(fish("latency brea") == words{"breakdown"});
  CHECK(fish("latency compare --format m") == words{"markdown"});
  CHECK(fish("latency breakdown --deta") == words{"--detailed"});
  CHECK(fish("analyze_prompt_switch --deta") == words{"--detailed"});
}

TEST_CASE("latency completion: other shells are refused in one line") {
  const auto refused = run_latency("completion tcsh");
  CHECK(refused.status == 2);
  CHECK(latency_test::is_one_line(refused.err));
}
