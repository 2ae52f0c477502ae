#include "analyzers/commands/breakdown.hpp"

#include <CLI/CLI.hpp>
#include <cstdint>

#include "analyzers/analysis/pool.hpp"
#include "analyzers/commands/breakdown_report.hpp"
#include "analyzers/commands/document_parts.hpp"
#include "analyzers/commands/output.hpp"
#include "analyzers/commands/report_output.hpp"
#include "analyzers/commands/requirement_check.hpp"
#include "analyzers/timeline/reader.hpp"

namespace latency::commands {
namespace {

constexpr const char* examples = R"(
Examples:
  latency breakdown timing.json                       the report on the terminal
  latency breakdown timing.json --detailed            also every block and denoising step
  latency breakdown before.json after.json            side by side
  latency breakdown --pool rank*.json                 ranks of one run as one
  latency breakdown timing.json --format csv -o t.csv raw numbers, units in the headers
  latency breakdown timing.json --require 'p99(interactive_vae_decode)<=85ms' \
                                --require 'share(interactive_vae_decode)<25%'
  ssh host cat timing.json | latency breakdown -      from standard input

Requirements: METRIC(NAME) OP VALUE, each checked for every file.
  METRIC  mean, p50, p95, p99, max, min: of durations of the spans called NAME, with children
          sum: their total; exclusive: their total without children (ns, us, ms, s)
          share: exclusive over wall (% or a ratio); count (no unit)
  OP      <= < >= > ==
  p99 of fewer than 100 spans is judged by their maximum.

Pooling (--pool): spans, blocks, switches and pixel frames of all files are counted together, so
counts and sums add up and percentiles are over all values; hygiene counts add up; wall is the
longest, times the threads of all files. Each file keeps its own clock and its own clips.

Exit status: 0 all is well, 1 a requirement does not hold, 2 bad input or usage.)";

// The documents to show, and whether every requirement holds.
struct outcome {
  std::vector<render::document> documents;
  bool requirements_hold = true;
};

void add(outcome& to, const recording& run, const std::string& source,
         const std::vector<requirement>& wanted, bool detailed) {
  const breakdown_report report(run);
  to.documents.push_back(breakdown_document(report, source, detailed));
  if (wanted.empty()) return;
  requirement_verdict verdict = check_requirements(run, report.components, source, wanted);
  for (const std::string& failure : verdict.failures) complain(failure);
  to.requirements_hold = to.requirements_hold && verdict.failures.empty();
  to.documents.back().sections.push_back(std::move(verdict.shown));
}

}  // namespace

CLI::App& add_breakdown(CLI::App& app, breakdown_options& options) {
  CLI::App& command = *app.add_subcommand(
      "breakdown", "where the time of a run went: components, switches, pixel frames, KV cache");
  command
      .add_option("FILE", options.files,
                  "timing file, journal or PyTorch trace (also .gz); - is standard input; several: "
                  "side by side")
      ->required();
  command.add_flag("--detailed", options.detailed, "also each block and each denoising step");
  add_report_output(command, options.output);
  command.add_flag("--pool", options.pooled, "several files, such as ranks, as one");
  command
      .add_option("--require", options.requirements,
                  "exit with 1 when it does not hold, as 'p99(NAME)<=85ms'; may be repeated")
      ->expected(1)
      ->take_all();
  command.footer(examples);
  return command;
}

int run_breakdown(const breakdown_options& options) {
  std::vector<requirement> wanted;
  for (const std::string& text : options.requirements) wanted.push_back(parse_requirement(text));

  outcome result;
  if (options.pooled) {
    std::vector<recording> runs;
    for (const std::string& file : options.files)
      naming(file, [&] { runs.push_back(open_recording(file)); });
    const std::string source = counted(static_cast<std::int64_t>(runs.size()), "file") + " pooled";
    naming(source, [&] { add(result, analysis::pool(runs), source, wanted, options.detailed); });
  } else {
    for (const std::string& file : options.files) {
      naming(file, [&] {
        const recording run = open_recording(file);
        add(result, run, run.source, wanted, options.detailed);
      });
    }
  }
  write_report(result.documents, options.output, options.detailed);
  return result.requirements_hold ? 0 : 1;
}

}  // namespace latency::commands
