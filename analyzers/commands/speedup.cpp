#include "analyzers/commands/speedup.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "analyzers/commands/output.hpp"
#include "analyzers/commands/speedup_report.hpp"
#include "analyzers/render/writers.hpp"
#include "analyzers/timeline/mapped_file.hpp"
#include "analyzers/timeline/reader.hpp"
#include "latency/error.hpp"

namespace latency::commands {
namespace {

namespace fs = std::filesystem;

constexpr const char* examples = R"(
Examples:
  latency speedup --baseline-log fa.log --candidate-log vsa.log \
                  --baseline-trace fa.pt.trace.json.gz --candidate-trace vsa.pt.trace.json.gz
  ... --baseline-attention-min-s 0.005 --baseline-attention-max-s 0.05   drop samples outside
  ... --candidate-section-from 'Memcpy' --candidate-section-to 'gather'  time a part of attention
  ... --metadata model=LTX2 --candidate-metadata sparsity=0.8            what the files do not say
  ... --format markdown -o report.md                                     one file to hand on
  ... --bundle report/                                                   with logs and traces

A trace may be a folder: every .json and .json.gz in it is one rank.
Names that are not given are detected: the first stage that holds "denois", the only name on the
">>>>" lines, the kernel with the most time, the annotation that it was launched under.
The metadata file is a JSON object of properties; "baseline" and "candidate" in it may be objects
with those of one side.

Exit status: 0 all is well, 2 bad input, usage, or two sides that did different work (--force
overlooks that and says so).)";

std::vector<std::string> trace_files(const std::string& path) {
  std::error_code failed;
  if (!fs::is_directory(path, failed)) return {path};
  std::vector<std::string> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, failed)) {
    const std::string name = entry.path().filename().string();
    const auto ends = [&name](std::string_view end) {
      return name.size() > end.size() &&
             name.compare(name.size() - end.size(), end.size(), end) == 0;
    };
    if (ends(".json") || ends(".json.gz")) files.push_back(entry.path().string());
  }
  if (files.empty()) throw error(path, "", "no .json or .json.gz file is in this folder");
  std::sort(files.begin(), files.end());
  return files;
}

std::optional<std::int64_t> nanoseconds(const std::optional<double>& seconds) {
  if (!seconds) return std::nullopt;
  if (!(*seconds >= 0 && *seconds < 1e9))
    throw error("", "attention limit", "must be seconds from 0 to 1e9");
  return std::llround(*seconds * 1e9);
}

analysis::name_pattern pattern(const std::string& text) {
  return {text, "section boundary"};
}

void add_metadata(std::map<std::string, run_value>& to, const std::vector<std::string>& given) {
  for (const std::string& entry : given) {
    const std::size_t equals = entry.find('=');
    if (equals == 0 || equals == std::string::npos)
      throw error("", "metadata", "'" + entry + "' is not NAME=VALUE");
    to[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
}

void add_metadata(std::map<std::string, run_value>& to, const nlohmann::json& object) {
  for (const auto& [name, value] : object.items())
    if (value.is_string())
      to[name] = value.get<std::string>();
    else if (!value.is_structured())
      to[name] = value.dump();
}

nlohmann::json read_metadata(const std::string& path) {
  if (path.empty()) return nlohmann::json::object();
  const timeline::mapped_file file(path);
  nlohmann::json content = nlohmann::json::parse(file.bytes(), nullptr, false);
  if (!content.is_object()) throw error(path, "", "not a JSON object of properties");
  return content;
}

std::string series_of(const timeline::stage_log& log, const std::string& given) {
  if (!given.empty()) {
    for (const timeline::sample_series& s : log.series)
      if (s.name == given) return given;
    throw error(log.source, "", "no '>>>> " + given + " time:' lines");
  }
  if (log.series.size() > 1)
    throw error(log.source, "", "several names on '>>>>' lines: say which (--...-series)");
  return log.series.empty() ? "" : log.series.front().name;
}

speedup_side read_side(const speedup_side_options& given, const speedup_options& all,
                       const nlohmann::json& metadata, const char* name) {
  speedup_side side;
  side.log_path = given.log;
  std::optional<timeline::log_unit> unit;
  if (!given.sample_unit.empty()) unit = timeline::log_unit_of(given.sample_unit);
  side.log = timeline::read_stage_log(given.log, unit);
  const std::string stage = all.stage.empty() ? analysis::main_stage(side.log) : all.stage;
  side.stage = analysis::times_of_stage(side.log, stage);
  if (std::none_of(side.stage.runs_ns.begin(), side.stage.runs_ns.end(),
                   [](const auto& run) { return run.has_value(); }))
    throw error(given.log, "", "no completed stage '" + stage + "'");
  side.attention = analysis::times_of_attention(
      side.log, series_of(side.log, given.series),
      {nanoseconds(given.attention_min_s), nanoseconds(given.attention_max_s)});

  side.trace_paths = trace_files(given.trace);
  std::vector<recording> ranks;
  for (const std::string& path : side.trace_paths)
    naming(path, [&] { ranks.push_back(open_recording(path)); });
  const std::string kernel = given.kernel.empty() ? analysis::busiest_kernel(ranks) : given.kernel;
  side.kernel = analysis::times_of_kernel(ranks, kernel);
  if (side.kernel.count == 0)
    throw error(given.trace, "", kernel.empty() ? "no kernels" : "no kernel '" + kernel + "'");
  if (!given.section_from.empty() || !given.section_to.empty()) {
    if (given.section_from.empty() || given.section_to.empty())
      throw error("", "section", "needs both boundaries");
    side.section =
        analysis::times_of_section(ranks, pattern(given.section_from), pattern(given.section_to));
    side.section->name = given.section_from + " to " + given.section_to;
  }
  side.annotation = analysis::times_of_annotation(
      ranks, given.annotation.empty() ? analysis::annotation_of(ranks, kernel) : given.annotation);
  if (!given.annotation.empty() && side.annotation.host.count == 0)
    throw error(given.trace, "", "no annotation '" + given.annotation + "'");

  for (const recording& run : ranks) {
    side.metadata.insert(run.run.begin(), run.run.end());
    side.traces_cut = side.traces_cut || run.hygiene.incomplete;
  }
  add_metadata(side.metadata, metadata);
  if (metadata.contains(name) && metadata[name].is_object())
    add_metadata(side.metadata, metadata[name]);
  add_metadata(side.metadata, all.metadata);
  add_metadata(side.metadata, given.metadata);
  return side;
}

// Copies what was read and writes the report, into a folder that is new or empty.
void write_bundle(const std::string& folder, const speedup_side& baseline,
                  const speedup_side& candidate, const render::document& report) {
  std::error_code failed;
  if (fs::exists(folder, failed) && !(fs::is_directory(folder, failed) && fs::is_empty(folder)))
    throw error(folder, "", "is there and not an empty folder");
  const auto copy = [&](const std::string& from, const std::string& side) {
    const fs::path to = fs::path(folder) / side;
    fs::create_directories(to, failed);
    fs::copy_file(from, to / fs::path(from).filename(), failed);
    if (failed) throw error(from, "", "cannot copy to " + to.string() + ": " + failed.message());
  };
  for (const auto& [name, side] :
       {std::pair("baseline", &baseline), std::pair("candidate", &candidate)}) {
    copy(side->log_path, name);
    for (const std::string& path : side->trace_paths) copy(path, name);
  }
  write_output(render::to_markdown(report), (fs::path(folder) / "report.md").string());
}

void add_side(CLI::App& command, const std::string& name, speedup_side_options& side) {
  const std::string option = "--" + name + "-";
  command.add_option(option + "log", side.log, "log of stages")->required();
  command.add_option(option + "trace", side.trace, "PyTorch trace, or a folder of ranks")
      ->required();
  command.add_option(option + "kernel", side.kernel, "its exact name");
  command.add_option(option + "series", side.series, "NAME of '>>>> NAME time:' lines");
  command.add_option(option + "annotation", side.annotation, "its exact name");
  command.add_option(option + "section-from", side.section_from,
                     "device op after which a section begins (regular expression)");
  command.add_option(option + "section-to", side.section_to, "device op with which it ends");
  command.add_option(option + "attention-min-s", side.attention_min_s, "drop shorter samples");
  command.add_option(option + "attention-max-s", side.attention_max_s, "drop longer samples");
  command.add_option(option + "sample-unit", side.sample_unit, "of '>>>>' lines, over their label")
      ->check(CLI::IsMember({"ns", "us", "ms", "s"}));
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
  command.add_option("--metadata-file", options.metadata_file, "JSON object of properties");
  command.add_option("--bundle", options.bundle, "new folder for report, logs and traces");
  command.add_flag("--force", options.force, "also when the two did different work");
  add_report_output(command, options.output);
  command.footer(examples);
  return command;
}

int run_speedup(const speedup_options& options) {
  const nlohmann::json metadata = read_metadata(options.metadata_file);
  const speedup_side baseline = read_side(options.baseline, options, metadata, "baseline");
  const speedup_side candidate = read_side(options.candidate, options, metadata, "candidate");
  const std::vector<std::string> differences = differences_of_work(baseline, candidate);
  if (!differences.empty() && !options.force)
    throw error("", "",
                "different work: " + differences.front() + " (--force compares all the same)");
  const render::document report = speedup_document(baseline, candidate, differences);
  if (!options.bundle.empty()) write_bundle(options.bundle, baseline, candidate, report);
  write_report({report}, options.output);
  return 0;
}

}  // namespace latency::commands
