#include "analyzers/commands/breakdown.hpp"

#include <CLI/CLI.hpp>
#include <cstdint>

#include "analyzers/analysis/pool.hpp"
#include "analyzers/commands/breakdown_follow.hpp"
#include "analyzers/commands/breakdown_report.hpp"
#include "analyzers/commands/document_parts.hpp"
#include "analyzers/commands/input_files.hpp"
#include "analyzers/commands/output.hpp"
#include "analyzers/commands/report_output.hpp"
#include "analyzers/commands/requirement_check.hpp"
#include "analyzers/render/tracker_export.hpp"

namespace latency::commands {
namespace {

constexpr const char* breakdown_examples = R"(
Examples:
  latency breakdown timing.json                       the report on the terminal
  latency breakdown timing.json --detailed            also every block and denoising step
  latency breakdown before.json after.json            side by side
  latency breakdown --pool rank*.json                 ranks of one run as one
  latency breakdown timing.json --format csv -o t.csv raw numbers, units in the headers
  latency breakdown timing.json --require 'p99(interactive_vae_decode)<=85ms' \
                                --require 'share(interactive_vae_decode)<25%'
  ssh host cat timing.json | latency breakdown -      from standard input
  latency breakdown profile.log                       a log of pipeline stages
  latency breakdown timing_analysis.json              a file of the older LongLive tracker
  latency breakdown timing.json --export legacy -o comprehensive_analysis_rank0_prompt0.json
                                                      for scripts that read that tracker's files
  latency breakdown --follow timing.json.journal      while the run goes on

Requirements: METRIC(NAME) OP VALUE, each checked for every file.
  METRIC  mean, p50, p95, p99, max, min: of durations of the spans called NAME, with children
          sum: their total; exclusive: their total without children (ns, us, ms, s)
          share: exclusive over wall (% or a ratio); count (no unit)
  OP      <= < >= > ==
  p99 of fewer than 100 spans is judged by their maximum.

Pooling (--pool): spans, blocks, switches and pixel frames of all files are counted together, so
counts and sums add up and percentiles are over all values; hygiene counts add up; wall is the
longest, times the threads of all files. Each file keeps its own clock and its own clips.

Following (--follow): the report is made anew when the journal has grown, until the run ends, its
process does, or Ctrl-C. On a terminal it stands in place and the last one is shown whole; on a pipe
one comes after the other; with -o the file is replaced each time. Requirements judge the last one.

Exit status: 0 all is well, 1 a requirement does not hold, 2 bad input or usage.)";

// The documents to show, and whether every requirement holds.
struct outcome {
  std::vector<render::document> documents;
  bool requirements_hold = true;
};

void add(outcome& to, const recording& run, const std::string& source,
         const std::vector<requirement>& wanted, const breakdown_options& options) {
  const breakdown_report report(run);
  to.documents.push_back(breakdown_document(report, source, options.detailed));
  if (options.without_switches)
    std::erase_if(to.documents.back().sections,
                  [](const render::section& one) { return one.key == "switches"; });
  if (wanted.empty()) return;
  requirement_verdict verdict = check_requirements(run, report.components, source, wanted);
  for (const std::string& failure : verdict.failures) complain(failure);
  to.requirements_hold = to.requirements_hold && verdict.failures.empty();
  to.documents.back().sections.push_back(std::move(verdict.shown));
}

int export_file(const breakdown_options& options) {
  for_each_recording(options.files, [&](const recording& run) {
    write_output(render::to_tracker_json(run), options.output.path);
  });
  return 0;
}

int follow_file(const breakdown_options& options, const std::vector<requirement>& wanted) {
  const std::string& file = options.files.front();
  const std::chrono::duration<double> interval(options.interval_s);
  const bool in_place =
      on_terminal() && options.output.path.empty() && options.output.format == "table";
  outcome result;
  const auto show = [&](const recording& run, bool last) {
    result = {};
    add(result, run, run.source, last ? wanted : std::vector<requirement>(), options);
    if (in_place) {
      const std::string text = report_text(result.documents, options.output, options.detailed);
      write_output(last ? "\x1b[H\x1b[J" + text : live_screen(text), "");
    } else {
      write_report(result.documents, options.output, options.detailed);
    }
    return !options.output.path.empty() || !output_abandoned();
  };
  naming(file, [&] {
    follow(file, std::chrono::duration_cast<std::chrono::nanoseconds>(interval), show);
  });
  return result.requirements_hold ? 0 : 1;
}

}  // namespace

CLI::App& add_breakdown(CLI::App& app, breakdown_options& options) {
  CLI::App& command = *app.add_subcommand(
      "breakdown", "where the time of a run went: components, switches, pixel frames, KV cache");
  add_input_files(command, options.files);
  command.add_flag("--detailed", options.detailed, "also each block and each denoising step");
  command.add_flag("--without-switches", options.without_switches,
                   "leave out prompt switches: latency switch says more of them");
  add_report_output(command, options.output);
  add_sample_unit(command, "--sample-unit", options.sample_unit);
  CLI::Option* const pooling =
      command.add_flag("--pool", options.pooled, "several files, such as ranks, as one");
  CLI::Option* const requiring =
      command
          .add_option("--require", options.requirements,
                      "exit with 1 when it does not hold: 'p99(NAME)<=85ms'; may be repeated")
          ->expected(1)
          ->take_all();
  CLI::Option* const following =
      command.add_flag("--follow", options.follow, "refresh the report while the run goes on")
          ->excludes(pooling);
  command
      .add_option("--export", options.exported,
                  "no report: write FILE in the shape of the older LongLive tracker")
      ->check(CLI::IsMember({"legacy"}))
      ->excludes(pooling)
      ->excludes(requiring)
      ->excludes(following);
  command.add_option("--interval", options.interval_s, "seconds between refreshes, at least")
      ->check(CLI::Range(0.1, 86400.0))
      ->needs(following)
      ->capture_default_str();
  command.footer(breakdown_examples);
  return command;
}

int run_breakdown(const breakdown_options& options) {
  std::vector<requirement> wanted;
  for (const std::string& text : options.requirements) wanted.push_back(parse_requirement(text));
  if (options.follow || !options.exported.empty()) {
    if (options.files.size() != 1)
      throw error("", options.follow ? "--follow" : "--export", "takes one file");
    return options.follow ? follow_file(options, wanted) : export_file(options);
  }

  const auto unit = sample_unit_of(options.sample_unit);
  outcome result;
  if (options.pooled) {
    std::vector<recording> runs = open_recordings(options.files, unit);
    const std::string source = counted(static_cast<std::int64_t>(runs.size()), "file") + " pooled";
    naming(source, [&] { add(result, analysis::pool(runs), source, wanted, options); });
  } else {
    const auto add_run = [&](const recording& run) {
      add(result, run, run.source, wanted, options);
    };
    for_each_recording(options.files, add_run, unit);
  }
  write_report(result.documents, options.output, options.detailed);
  return result.requirements_hold ? 0 : 1;
}

}  // namespace latency::commands
