#include "analyzers/commands/compare.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>

#include "analyzers/analysis/workload.hpp"
#include "analyzers/commands/compare_report.hpp"
#include "analyzers/commands/document_parts.hpp"
#include "analyzers/commands/input_files.hpp"
#include "latency/error.hpp"

namespace latency::commands {
namespace {

constexpr const char* compare_examples = R"(
Examples:
  latency compare before.json after.json              one run on each side
  latency compare --base a1.json a2.json a3.json --candidate b1.json b2.json b3.json
  latency compare before.json after.json --component temporal_block --threshold 5%
  latency compare before.json after.json --format markdown -o report.md

Ratio: candidate / base of the mean duration of one span; above 1 is slower. An interval that lies
above 1 says slower, below 1 faster; one that holds 1 and stays within the threshold says same; any
other cannot tell. Runs on a side are what counts: with 3 or more on each, how much runs differ is
measured; with fewer it is taken from --run-to-run.

Exit status: 0 nothing is slower than the threshold, 1 something is, 3 it cannot be told (the report
says how many more runs would decide), 2 bad input, usage, or different workloads without --force.)";

double percentage(const char* option, const std::string& text, double least, double most) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  const std::string_view rest(parsed.ptr, static_cast<std::size_t>(end - parsed.ptr));
  const bool in_percent = rest == "%" || rest == " %";
  if (in_percent) number /= 100;
  // "2" is more likely 2 % than 200 %: neither is taken.
  const bool good = parsed.ec == std::errc{} && (in_percent || (rest.empty() && number <= 1)) &&
                    number >= least && number <= most;
  if (!good)
    throw error(fmt::format("{} '{}'", option, text), "",
                fmt::format("expected a share from {:.3g}% to {:.3g}%, such as 2%", 100 * least,
                            100 * most));
  return number;
}

std::vector<analysis::measured_run> measured(const std::vector<std::string>& files) {
  std::vector<analysis::measured_run> runs;
  for_each_recording(files, [&](const recording& run) { runs.push_back(analysis::measure(run)); });
  return runs;
}

void require_same_workload(const analysis::measured_run& first,
                           const analysis::measured_run& other) {
  const auto refuse = [&](const std::string& name, const std::string& ours,
                          const std::string& theirs) {
    throw error(other.source, name,
                fmt::format("is {}, but {} in {}: not the same workload (--force compares anyway)",
                            theirs, ours, first.source));
  };
  for (const auto& one : analysis::workload_differences(first.properties, other.properties))
    refuse(one.name, one.first, one.second);
  if (first.blocks != other.blocks)
    refuse("number of blocks", std::to_string(first.blocks), std::to_string(other.blocks));
  if (first.switches != other.switches)
    refuse("number of prompt switches", std::to_string(first.switches),
           std::to_string(other.switches));
}

}  // namespace

CLI::App& add_compare(CLI::App& app, compare_options& options) {
  CLI::App& command = *app.add_subcommand(
      "compare", "is the candidate slower than the base: a gate that can say 'cannot tell'");
  CLI::Option* const files =
      command
          .add_option("FILES", options.files, "BASE CANDIDATE: timing files, journals or traces")
          ->type_name("")
          ->expected(2);
  CLI::Option* const base = command.add_option("--base", options.base, "runs of the base")
                                ->type_name(a_file)
                                ->excludes(files);
  command.add_option("--candidate", options.candidate, "runs of the candidate")
      ->type_name(a_file)
      ->excludes(files)
      ->needs(base);
  command.add_option("--threshold", options.threshold, "a slowdown that matters")
      ->capture_default_str();
  command
      .add_option("--run-to-run", options.run_to_run,
                  "standard deviation between runs of one program, while not measured")
      ->capture_default_str();
  command
      .add_option("--component", options.components,
                  "compare only the spans of this name; may be repeated")
      ->expected(1)
      ->take_all();
  command
      .add_option("--min-share", options.min_share,
                  "leave out components below this share of the run on both sides")
      ->capture_default_str();
  command.add_flag("--force", options.force, "compare different workloads");
  add_report_output(command, options.output);
  command.footer(compare_examples);
  return command;
}

int run_compare(const compare_options& options) {
  compare_settings settings;
  settings.rules.threshold = percentage("--threshold", options.threshold, 0.0001, 10);
  settings.rules.run_to_run = percentage("--run-to-run", options.run_to_run, 0, 10);
  settings.min_share = percentage("--min-share", options.min_share, 0, 1);
  settings.components = options.components;
  const bool positional = options.files.size() == 2;
  if (!positional && (options.base.empty() || options.candidate.empty()))
    throw error("compare", "", "needs BASE and CANDIDATE, or --base and --candidate");
  const auto base = measured(positional ? std::vector{options.files[0]} : options.base);
  const auto candidate = measured(positional ? std::vector{options.files[1]} : options.candidate);
  if (!options.force)
    for (const auto* side : {&base, &candidate})
      for (const analysis::measured_run& run : *side) require_same_workload(base[0], run);

  const compare_report report(base, candidate, settings);
  write_report({compare_document(report, base, candidate)}, options.output);
  if (report.slower()) return 1;
  return report.cannot_tell() ? 3 : 0;
}

}  // namespace latency::commands
