// The program `latency`: parses the command line and hands over to one subcommand. It also answers
// to the published name analyze_latency_breakdown.

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "analyzers/commands/breakdown.hpp"
#include "analyzers/commands/output.hpp"
#include "latency/version.hpp"

namespace {

constexpr int bad_input = 2;

// Long options may be written with '_' or '-', as in Python programs.
std::string with_dashes(std::string argument) {
  if (argument.compare(0, 2, "--") != 0) return argument;
  const std::size_t end = std::min(argument.find('='), argument.size());
  std::replace(argument.begin(), argument.begin() + static_cast<std::ptrdiff_t>(end), '_', '-');
  return argument;
}

std::vector<std::string> arguments_of(int argc, char** argv) {
  const std::string called = argc > 0 ? argv[0] : "latency";
  std::vector<std::string> arguments;
  if (called.substr(called.rfind('/') + 1) == "analyze_latency_breakdown")
    arguments.emplace_back("breakdown");
  bool options = true;  // until "--"
  for (int i = 1; i < argc; ++i) {
    options = options && std::string(argv[i]) != "--";
    arguments.push_back(options ? with_dashes(argv[i]) : argv[i]);
  }
  return arguments;
}

int run(int argc, char** argv) {
  CLI::App app{"Where the time of a run went, with every nanosecond counted once.", "latency"};
  app.set_version_flag("--version", "latency " LATENCY_VERSION_STRING);
  latency::commands::breakdown_options breakdown;
  CLI::App& breakdown_command = latency::commands::add_breakdown(app, breakdown);

  std::vector<std::string> arguments = arguments_of(argc, argv);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& refused) {
    if (refused.get_exit_code() == 0) return app.exit(refused);  // --help, --version
    latency::commands::complain(std::string(refused.what()) + " (latency --help)");
    return bad_input;
  }
  if (breakdown_command.parsed()) return latency::commands::run_breakdown(breakdown);
  latency::commands::complain("which subcommand? (latency --help)");
  return bad_input;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // "latency ... | head" ends quietly; see output.cpp
  try {
    return run(argc, argv);
  } catch (const std::exception& failure) {
    latency::commands::complain(failure.what());
    return bad_input;
  }
}
