#include "analyzers/commands/speedup.hpp"

#include <CLI/CLI.hpp>

#include "analyzers/commands/bundle.hpp"
#include "analyzers/commands/input_files.hpp"
#include "analyzers/commands/speedup_inputs.hpp"
#include "analyzers/render/writers.hpp"
#include "latency/error.hpp"

namespace latency::commands {
namespace {

constexpr const char* speedup_examples = R"(
Examples:
  latency speedup --baseline-log fa.log --candidate-log vsa.log \
                  --baseline-trace fa.pt.trace.json.gz --candidate-trace vsa.pt.trace.json.gz
  ... --baseline-attention-min-s 0.005 --baseline-attention-max-s 0.05   drop samples outside
  ... --candidate-section-from 'Memcpy' --candidate-section-to 'gather'  time a part of attention
  ... --candidate-kernels-per-call 2    attention calls that launch the kernel twice
  ... --metadata model=LTX2 --candidate-metadata sparsity=0.8            what the files do not say
  ... --format markdown -o report.md                                     one file to hand on
  ... --bundle report/                                                   with logs and traces

A trace may be a folder: every .json and .json.gz in it is one rank.
Names that are not given are detected: the first stage that holds "denois", the only name on the
">>>>" lines, the kernel with the most time, the annotation that it was launched under.
A section is one attention call: with one, launches of the kernel in a call are counted.
The metadata file is a JSON object of properties; "baseline" and "candidate" in it may be objects
with those of one side. What is given stands above what the traces say.

Exit status: 0 all is well, 2 bad input, usage, or two sides that did different work (--force
overlooks that and says so).)";

void add_side(CLI::App& command, const std::string& name, speedup_side_options& side) {
  const std::string option = "--" + name + "-";
  command.add_option(option + "log", side.log, "log of stages")->required()->type_name(a_file);
  command.add_option(option + "trace", side.trace, "PyTorch trace, or a folder of ranks")
      ->required()
      ->type_name(a_file);
  command.add_option(option + "kernel", side.kernel, "its exact name");
  command.add_option(option + "series", side.series, "NAME of '>>>> NAME time:' lines");
  command.add_option(option + "annotation", side.annotation, "its exact name");
  command.add_option(option + "section-from", side.section_from,
                     "device op after which a section begins (regular expression)");
  command.add_option(option + "section-to", side.section_to, "device op with which it ends");
  command
      .add_option(option + "kernels-per-call", side.kernels_per_call,
                  "launches of the kernel in one attention call")
      ->check(CLI::Range(1e-6, 1e6));
  command.add_option(option + "attention-min-s", side.attention_min_s, "drop shorter samples");
  command.add_option(option + "attention-max-s", side.attention_max_s, "drop longer samples");
  add_sample_unit(command, option + "sample-unit", side.sample_unit);
  command.add_option(option + "metadata", side.metadata, "NAME=VALUE; may be repeated")
      ->expected(1)
      ->take_all();
}

}  // namespace

CLI::App& add_speedup(CLI::App& app, speedup_options& options) {
  CLI::App& command = *app.add_subcommand(
      "speedup", "how much of a kernel's speedup survives to attention and to its stage");
  add_side(command, "baseline", options.baseline);
  add_side(command, "candidate", options.candidate);
  command.add_option("--stage", options.stage, "its exact name");
  command.add_option("--metadata", options.metadata, "NAME=VALUE of both; may be repeated")
      ->expected(1)
      ->take_all();
  command.add_option("--metadata-file", options.metadata_file, "JSON object of properties")
      ->type_name(a_file);
  command.add_option("--bundle", options.bundle, "new folder for report, logs and traces")
      ->type_name(a_folder);
  command.add_flag("--force", options.force, "also when the two did different work");
  add_report_output(command, options.output);
  command.footer(speedup_examples);
  return command;
}

int run_speedup(const speedup_options& options) {
  const speedup_sides sides = read_sides(options);
  const std::vector<std::string> differences = differences_of_work(sides);
  if (!differences.empty() && !options.force) {
    std::string all;
    for (const std::string& one : differences) all += (all.empty() ? "" : "; ") + one;
    throw error("", "", "different work: " + all + " (--force compares all the same)");
  }
  const render::document report = speedup_document(sides, differences);
  if (!options.bundle.empty()) {
    std::vector<bundled_file> files;
    for (const speedup_side& side : sides) {
      files.push_back({side.log_path, side.name});
      for (const std::string& path : side.trace_paths) files.push_back({path, side.name});
    }
    write_bundle(options.bundle, files, render::to_markdown(report));
  }
  write_report({report}, options.output);
  return 0;
}

}  // namespace latency::commands
