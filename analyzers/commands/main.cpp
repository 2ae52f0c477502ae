// The program `latency`: parses the command line and hands over to one subcommand. It also answers
// to the published names of some of them (analyzers/CMakeLists.txt installs the links).

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "analyzers/commands/breakdown.hpp"
#include "analyzers/commands/compare.hpp"
#include "analyzers/commands/completion.hpp"
#include "analyzers/commands/explain.hpp"
#include "analyzers/commands/merge.hpp"
#include "analyzers/commands/output.hpp"
#include "analyzers/commands/plot.hpp"
#include "analyzers/commands/published_names.hpp"
#include "analyzers/commands/speedup.hpp"
#include "analyzers/commands/switch.hpp"
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

// A subcommand on the command line, and what to do when it was asked for.
struct subcommand {
  CLI::App* parser;
  std::function<int()> run;
};

template <class options>
subcommand declare(CLI::App& app, CLI::App& (*add)(CLI::App&, options&),
                   int (*run)(const options&)) {
  const auto given = std::make_shared<options>();
  return {&add(app, *given), [given, run] { return run(*given); }};
}

std::vector<subcommand> subcommands_of(CLI::App& app) {
  using namespace latency::commands;
  return {
      declare(app, add_breakdown, run_breakdown),    // the comments keep one a line
      declare(app, add_compare, run_compare),        //
      declare(app, add_completion, run_completion),  //
      declare(app, add_explain, run_explain),        //
      declare(app, add_merge, run_merge),            //
      declare(app, add_plot, run_plot),              //
      declare(app, add_speedup, run_speedup),        //
      declare(app, add_switch, run_switch),          //
  };
}

std::vector<std::string> arguments_of(int argc, char** argv) {
  const std::string called = argc > 0 ? argv[0] : "latency";
  std::vector<std::string> arguments;
  for (const latency::commands::published_name& name : latency::commands::published_names)
    if (called.substr(called.rfind('/') + 1) == name.program)
      arguments.emplace_back(name.subcommand);
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
  const std::vector<subcommand> subcommands = subcommands_of(app);

  std::vector<std::string> arguments = arguments_of(argc, argv);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& refused) {
    if (refused.get_exit_code() == 0) return app.exit(refused);  // --help, --version
    latency::commands::complain(std::string(refused.what()) + " (latency --help)");
    return bad_input;
  }
  for (const subcommand& s : subcommands)
    if (s.parser->parsed()) return s.run();
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
