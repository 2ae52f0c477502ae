#include "analyzers/commands/switch.hpp"

#include <CLI/CLI.hpp>
#include <deque>
#include <utility>

#include "analyzers/commands/input_files.hpp"
#include "analyzers/commands/switch_report.hpp"

namespace latency::commands {
namespace {

constexpr const char* switch_examples = R"(
Examples:
  latency switch timing.json                     what each prompt switch of the run cost, and why
  latency switch window_9.json window_12.json    also how the cost grows with what is recached
  latency switch timing.json --detailed          also spread and minimum, and copies by switch
  latency switch timing.json --format csv -o switches.csv

  delta     time of the block at whose start the switch took effect, minus that of the block before
  absolute  from the request to the first pixel frame of the new prompt in host memory

Several files stand in one report: summaries, cache phases and the cost of recaching are over the
switches of all of them, everything else is by file.

Exit status: 0 all is well, 2 bad input or usage.)";

}  // namespace

CLI::App& add_switch(CLI::App& app, switch_options& options) {
  CLI::App& command = *app.add_subcommand(
      "switch", "what prompt switches cost, part by part, and what the cost depends on");
  add_input_files(command, options.files);
  command.add_flag("--detailed", options.detailed, "also spread and minimum, and copies by switch");
  add_report_output(command, options.output);
  command.footer(switch_examples);
  return command;
}

int run_switch(const switch_options& options) {
  std::deque<switch_file> files;  // their addresses must not change
  for_each_recording(options.files, [&](recording run) {
    files.emplace_back(options.files.size() == 1 ? "" : render::file_letter(files.size()),
                       std::move(run));
  });
  write_report({switch_document(files, options.detailed)}, options.output);
  return 0;
}

}  // namespace latency::commands
