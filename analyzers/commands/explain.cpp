#include "analyzers/commands/explain.hpp"

#include <CLI/CLI.hpp>

#include "analyzers/analysis/hygiene.hpp"
#include "analyzers/timeline/reader.hpp"
#include "latency/proof.hpp"

namespace latency::commands {
namespace {

constexpr const char* examples = R"(
Examples:
  latency explain timing.json                         late pixel frames and slow blocks
  latency explain trace.json.gz                       without blocks: the spans whose slow
                                                      instances cost most
  latency explain timing.json --span diffusion_forward
  latency explain timing.json --most 20 --format markdown -o why.md

Slow is what exceeds its median peer by more than 5 %, and by more than three robust standard
deviations of the peers. Late is a pixel frame complete after it was due at 25 per second.

Exit status: 0 also when something was slow, 2 bad input or usage.)";

}  // namespace

CLI::App& add_explain(CLI::App& app, explain_options& options) {
  CLI::App& command = *app.add_subcommand(
      "explain", "why pixel frames were late and blocks slow: which spans grew, and where");
  command
      .add_option("FILE", options.file,
                  "timing file, journal or PyTorch trace (also .gz); - is standard input")
      ->required();
  command.add_option("--span", options.span, "explain the slow spans of this name instead");
  command.add_option("--most", options.most, "explain no more than the worst so many")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  add_report_output(command, options.output);
  command.footer(examples);
  return command;
}

int run_explain(const explain_options& options) {
  naming(options.file, [&] {
    const recording run = open_recording(options.file);
    const span_tree tree(run);
    const device_accounting devices(run, tree);
    const analysis::explanation_report report =
        analysis::explain(run, tree, devices, analysis::generation(run, tree), options.span,
                          static_cast<std::size_t>(options.most));
    const bool clean = analysis::hygiene(run, tree, make_proof(run, tree, devices)).clean;
    write_report({explain_document(report, run.source, clean)}, options.output);
  });
  return 0;
}

}  // namespace latency::commands
