#include "analyzers/commands/speedup_inputs.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "analyzers/commands/input_files.hpp"
#include "analyzers/timeline/mapped_file.hpp"
#include "latency/error.hpp"

namespace latency::commands {
namespace {

namespace fs = std::filesystem;

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
  if (failed) throw error(path, "", "cannot be listed: " + failed.message());
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

analysis::sample_limits limits_of(const speedup_side_options& given) {
  const analysis::sample_limits limits{nanoseconds(given.attention_min_s),
                                       nanoseconds(given.attention_max_s)};
  if (limits.min_ns && limits.max_ns && *limits.min_ns > *limits.max_ns)
    throw error("", "attention limit", "the least is above the most");
  return limits;
}

analysis::name_pattern pattern(const std::string& text) {
  return {text, "section boundary"};
}

void add_given(std::map<std::string, run_value>& to, const std::vector<std::string>& given) {
  for (const std::string& entry : given) {
    const std::size_t equals = entry.find('=');
    if (equals == 0 || equals == std::string::npos)
      throw error("", "metadata", "'" + entry + "' is not NAME=VALUE");
    to[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
}

void add_properties(std::map<std::string, run_value>& to, const nlohmann::json& object) {
  for (const auto& [name, value] : object.items())
    if (value.is_string())
      to[name] = value.get<std::string>();
    else if (!value.is_structured() && !value.is_null())
      to[name] = value.dump();
}

nlohmann::json read_metadata(const std::string& path) {
  if (path.empty()) return nlohmann::json::object();
  const timeline::mapped_file file(path);
  nlohmann::json content = nlohmann::json::parse(file.bytes(), nullptr, false);
  if (!content.is_object()) throw error(file.name(), "", "not a JSON object of properties");
  return content;
}

// "2026-11-20T08:40:40Z"
std::string date_of(std::int64_t unix_ns) {
  const std::time_t seconds = unix_ns / 1'000'000'000;
  std::tm utc{};
  char text[32] = "";
  if (gmtime_r(&seconds, &utc) != nullptr) std::strftime(text, sizeof text, "%FT%TZ", &utc);
  return text;
}

// What traces say of the run that they are of.
void add_read(std::map<std::string, run_value>& to, const std::vector<recording>& ranks) {
  std::set<std::string> types;
  std::int64_t devices = 0;
  for (const recording& run : ranks) {
    to.insert(run.run.begin(), run.run.end());
    devices += static_cast<std::int64_t>(run.device_clocks.size());
    for (const device_clock& device : run.device_clocks)
      if (!device.name.empty()) types.insert(device.name);
  }
  if (devices > 0) to.emplace("device_count", devices);
  std::string type;
  for (const std::string& one : types) type += (type.empty() ? "" : ", ") + one;
  if (!type.empty()) to.emplace("device_type", type);
  constexpr std::int64_t year_2000_ns = 946'684'800'000'000'000;  // before: no date at all
  const std::int64_t start_ns = ranks.front().clock.origin_unix_ns;
  if (start_ns > year_2000_ns) to.emplace("date", date_of(start_ns));
}

// " (there are A, B)", for who asked for what there is not.
std::string among(const std::set<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? " (there are " : ", ") + name;
  return list.empty() ? list : list + ")";
}

std::string series_of(const timeline::stage_log& log, const std::string& given) {
  std::set<std::string> names;
  for (const timeline::sample_series& s : log.series) names.insert(s.name);
  if (!given.empty() && names.count(given) == 0)
    throw error(log.source, "", "no '>>>> " + given + " time:' lines" + among(names));
  if (!given.empty()) return given;
  if (names.size() > 1)
    throw error(log.source, "",
                "several names on '>>>>' lines: say which (--...-series)" + among(names));
  return names.empty() ? "" : *names.begin();
}

std::set<std::string> stages_of(const timeline::stage_log& log) {
  std::set<std::string> names;
  for (const timeline::stage_round& round : log.rounds)
    for (const timeline::stage_run& run : round.stages) names.insert(run.stage);
  return names;
}

void read_log(speedup_side& side, const speedup_side_options& given, const std::string& stage) {
  side.log_path = given.log;
  side.log = naming(given.log, [&] {
    return timeline::read_stage_log(given.log, sample_unit_of(given.sample_unit));
  });
  const std::string name = stage.empty() ? analysis::main_stage(side.log) : stage;
  side.stage = analysis::times_of_stage(side.log, name);
  if (std::all_of(side.stage.runs_ns.begin(), side.stage.runs_ns.end(),
                  [](const auto& run) { return !run.has_value(); }))
    throw error(side.log.source, "",
                name.empty() ? "no completed stage"
                             : "no completed stage '" + name + "'" + among(stages_of(side.log)));
  side.attention =
      analysis::times_of_attention(side.log, series_of(side.log, given.series), limits_of(given));
}

void analyse_traces(speedup_side& side, const speedup_side_options& given,
                    const std::vector<recording>& ranks) {
  const std::string source = ranks.size() == 1 ? ranks.front().source : given.trace;
  const std::string busiest = analysis::busiest_kernel(ranks);
  if (busiest.empty()) throw error(source, "", "no kernels");
  const std::string kernel = given.kernel.empty() ? busiest : given.kernel;
  side.kernel = analysis::times_of_kernel(ranks, kernel);
  if (side.kernel.count == 0)
    throw error(source, "", "no kernel '" + kernel + "' (the busiest is '" + busiest + "')");
  if (!given.section_from.empty() || !given.section_to.empty()) {
    if (given.section_from.empty() || given.section_to.empty())
      throw error("", "section", "needs both boundaries");
    side.section = analysis::times_of_section(ranks, pattern(given.section_from),
                                              pattern(given.section_to), kernel);
    side.section->passes.name = given.section_from + " to " + given.section_to;
  }
  const std::string annotation =
      given.annotation.empty() ? analysis::annotation_of(ranks, kernel) : given.annotation;
  side.annotation = analysis::times_of_annotation(ranks, annotation, kernel);
  if (!given.annotation.empty() && side.annotation.host.count == 0)
    throw error(source, "", "no annotation '" + given.annotation + "'");
  for (const recording& run : ranks) side.traces_cut = side.traces_cut || run.hygiene.incomplete;
}

speedup_side read_side(const std::string& name, const speedup_side_options& given,
                       const speedup_options& all, const nlohmann::json& metadata) {
  speedup_side side;
  side.name = name;
  read_log(side, given, all.stage);
  side.trace_paths = trace_files(given.trace);
  const std::vector<recording> ranks = open_recordings(side.trace_paths);
  analyse_traces(side, given, ranks);
  add_properties(side.metadata, metadata);
  if (metadata.contains(name) && metadata[name].is_object())
    add_properties(side.metadata, metadata[name]);
  add_given(side.metadata, all.metadata);
  add_given(side.metadata, given.metadata);
  add_read(side.metadata, ranks);  // what was given stands
  return side;
}

}  // namespace

speedup_sides read_sides(const speedup_options& options) {
  const nlohmann::json metadata = read_metadata(options.metadata_file);
  speedup_sides sides{read_side("baseline", options.baseline, options, metadata),
                      read_side("candidate", options.candidate, options, metadata)};
  const auto [baseline, candidate] = analysis::launches_of(
      {options.baseline.kernels_per_call, sides[0].section, sides[0].annotation},
      {options.candidate.kernels_per_call, sides[1].section, sides[1].annotation});
  sides[0].launches = baseline;
  sides[1].launches = candidate;
  return sides;
}

}  // namespace latency::commands
