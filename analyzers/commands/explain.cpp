#include "analyzers/commands/explain.hpp"

#include <CLI/CLI.hpp>
#include <cmath>

#include "analyzers/analysis/distortions.hpp"
#include "analyzers/analysis/hygiene.hpp"
#include "analyzers/commands/input_files.hpp"
#include "latency/proof.hpp"

namespace latency::commands {
namespace {

constexpr const char* explain_examples = R"(
Examples:
  latency explain timing.json                         late pixel frames and slow blocks
  latency explain timing.json --fps 16                late for a slower player
  latency explain trace.json.gz                       without blocks: the spans whose slow
                                                      instances cost most
  latency explain timing.json --span diffusion_forward
  latency explain timing.json --most 20 --format markdown -o why.md

Slow is what exceeds its median peer by more than 5 %, and by more than three robust standard
deviations of the peers. Late is a pixel frame complete after it was due at --fps per second; how
many are late at 16, 24, 25 and 30 per second is said in any case.

Exit status: 0 also when something was slow, 2 bad input or usage.)";

}  // namespace

CLI::App& add_explain(CLI::App& app, explain_options& options) {
  CLI::App& command = *app.add_subcommand(
      "explain", "why pixel frames were late and blocks slow: which spans grew, and where");
  add_input_file(command, options.file);
  command.add_option("--span", options.span, "explain the slow spans of this name instead");
  command.add_option("--fps", options.fps, "pixel frames per second by which they are late")
      ->check(CLI::Range(0.01, 1000.0))
      ->capture_default_str();
  command.add_option("--most", options.most, "explain no more than the worst so many")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  add_report_output(command, options.output);
  command.footer(explain_examples);
  return command;
}

int run_explain(const explain_options& options) {
  for_each_recording({options.file}, [&](const recording& run) {
    const span_tree tree(run);
    const device_accounting devices(run, tree);
    const analysis::explanation_report report = analysis::explain(
        run, tree, devices,
        {options.span, std::llround(1e9 / options.fps), static_cast<std::size_t>(options.most)});
    const bool clean = analysis::hygiene(run, tree, make_proof(run, tree, devices)).clean;
    write_report({explain_document(report, run.source, clean, analysis::distortions_of(run))},
                 options.output);
  });
  return 0;
}

}  // namespace latency::commands
