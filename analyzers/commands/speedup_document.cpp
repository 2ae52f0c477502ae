#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analyzers/analysis/workload.hpp"
#include "analyzers/commands/document_parts.hpp"
#include "analyzers/commands/speedup_report.hpp"

namespace latency::commands {

using render::line;
using render::section;
using render::table;

namespace {

// What a reader needs to judge or repeat a speedup.
constexpr const char* required_metadata[] = {
    "attention_backend", "batch_size",   "date",           "denoising_steps",
    "device_count",      "device_type",  "git_commit",     "model",
    "pixel_frames",      "pixel_height", "pixel_width",    "sequence_length_tokens",
    "sequence_parallel", "sparsity",     "tensor_parallel"};

// Both sides of one figure, what the candidate saves, and the speedup.
std::vector<cell> compared(const std::string& what, double baseline_ns, double candidate_ns) {
  return {what, baseline_ns, candidate_ns, baseline_ns - candidate_ns,
          cell_if(baseline_ns > 0 && candidate_ns > 0, baseline_ns / candidate_ns)};
}

std::vector<column> compared_columns(const std::string& first) {
  return {{"what", first, unit::text},
          {"baseline", "baseline", unit::duration_ns},
          {"candidate", "candidate", unit::duration_ns},
          {"saved", "saved", unit::duration_ns},
          {"speedup", "speedup, times", unit::number}};
}

// A side with attention samples has one mean; the first run is warm-up.
const summary& attention_of(const speedup_side& side) {
  return side.attention.after_warm_up_ns;
}
bool has_attention(const speedup_side& side) {
  return attention_of(side).n > 0;
}

section summary_section(const speedup_side& baseline, const speedup_side& candidate) {
  section result{"speedups", "Speedups", {}};
  table rows{"speedups", "", compared_columns("mean of"), {}};
  rows.rows.push_back(
      compared("kernel, one call", baseline.kernel.mean_ns(), candidate.kernel.mean_ns()));
  if (baseline.section && candidate.section && baseline.section->count > 0 &&
      candidate.section->count > 0)
    rows.rows.push_back(
        compared("section, one pass", baseline.section->mean_ns(), candidate.section->mean_ns()));
  if (has_attention(baseline) && has_attention(candidate))
    rows.rows.push_back(compared("attention end to end, one call", attention_of(baseline).mean,
                                 attention_of(candidate).mean));
  rows.rows.push_back(compared("stage " + baseline.stage.stage + ", one run",
                               baseline.stage.after_warm_up_mean_ns,
                               candidate.stage.after_warm_up_mean_ns));
  result.items.emplace_back(
      note_line("kernel and section from the traces; attention and stage from the logs, without "
                "the first run"));
  result.items.emplace_back(std::move(rows));
  return result;
}

double calls_per_run(const speedup_side& side) {
  const auto& runs = side.attention.in_run;
  return runs.empty() ? 0 : static_cast<double>(runs.back());
}

// One run of the stage in three parts that add up to it.
section gap_section(const speedup_side& baseline, const speedup_side& candidate) {
  section result{"gap", "Where the gap comes from", {}};
  if (!has_attention(baseline) || !has_attention(candidate)) {
    result.items.emplace_back(absent_line("attention end to end needs '>>>> NAME time:' lines"));
    return result;
  }
  struct parts {
    double kernel_ns, around_ns, rest_ns, stage_ns;
  };
  const auto parts_of = [](const speedup_side& side) {
    const double calls = calls_per_run(side);
    const double attention_ns = calls * attention_of(side).mean;
    const double kernel_ns = calls * side.kernel.mean_ns();
    const double stage_ns = side.stage.after_warm_up_mean_ns;
    return parts{kernel_ns, attention_ns - kernel_ns, stage_ns - attention_ns, stage_ns};
  };
  const parts b = parts_of(baseline);
  const parts c = parts_of(candidate);
  table rows{"gap",
             "One run of the stage, if each attention call runs the kernel once",
             compared_columns("part"),
             {}};
  rows.rows.push_back(compared("the kernel, in all calls", b.kernel_ns, c.kernel_ns));
  rows.rows.push_back(compared("attention around the kernel", b.around_ns, c.around_ns));
  rows.rows.push_back(compared("the stage outside attention", b.rest_ns, c.rest_ns));
  rows.rows.push_back(compared("= the stage", b.stage_ns, c.stage_ns));
  const double saved = b.kernel_ns - c.kernel_ns;
  result.items.emplace_back(plain_line(
      "of {} that the kernel saves in a run, attention around it takes back {} and the stage "
      "outside attention {}; the stage keeps {}",
      {{"kernel_saved", unit::duration_ns, saved},
       {"around_took", unit::duration_ns, c.around_ns - b.around_ns},
       {"rest_took", unit::duration_ns, c.rest_ns - b.rest_ns},
       {"stage_saved", unit::duration_ns, b.stage_ns - c.stage_ns}}));
  result.items.emplace_back(plain_line(
      "attention was {} of the baseline's stage: without any, the stage would be {} times as fast",
      {{"attention_share", unit::ratio, (b.kernel_ns + b.around_ns) / b.stage_ns},
       {"limit", unit::number, cell_if(b.rest_ns > 0, b.stage_ns / b.rest_ns)}}));
  result.items.emplace_back(std::move(rows));
  return result;
}

section runs_section(const speedup_side& baseline, const speedup_side& candidate) {
  section result{"runs", "Runs of " + baseline.stage.stage, {}};
  table rows{"runs", "", compared_columns("run"), {}};
  const std::size_t count = std::max(baseline.stage.runs_ns.size(), candidate.stage.runs_ns.size());
  const auto run_of = [](const speedup_side& side, std::size_t i) -> std::optional<std::int64_t> {
    if (i >= side.stage.runs_ns.size()) return std::nullopt;
    return side.stage.runs_ns[i];
  };
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = fmt::format("run_{:02}", i + 1);
    const auto b = run_of(baseline, i);
    const auto c = run_of(candidate, i);
    if (b && c)
      rows.rows.push_back(compared(name, static_cast<double>(*b), static_cast<double>(*c)));
    else
      rows.rows.push_back({name, optional_cell(b), optional_cell(c), cell(), cell()});
  }
  rows.rows.push_back(compared("avg_all_rounds", baseline.stage.all_rounds_mean_ns,
                               candidate.stage.all_rounds_mean_ns));
  rows.rows.push_back(compared("avg_excl_warmup", baseline.stage.after_warm_up_mean_ns,
                               candidate.stage.after_warm_up_mean_ns));
  result.items.emplace_back(note_line("run_01 is the warm-up"));
  result.items.emplace_back(std::move(rows));
  return result;
}

section attention_section(const speedup_side& baseline, const speedup_side& candidate) {
  section result{"attention", "Attention end to end", {}};
  table rows{"attention",
             "",
             {{"side", "side", unit::text},
              {"series", "name", unit::text},
              {"below_min", "dropped, too short", unit::integer},
              {"above_max", "dropped, too long", unit::integer},
              {"all_n", "all runs, n", unit::integer},
              {"all_mean", "all runs, mean", unit::duration_ns},
              {"n", "without the first, n", unit::integer},
              {"mean", "mean", unit::duration_ns},
              {"min", "min", unit::duration_ns},
              {"max", "max", unit::duration_ns}},
             {}};
  for (const auto& [name, side] :
       {std::pair("baseline", &baseline), std::pair("candidate", &candidate)}) {
    const analysis::attention_times& a = side->attention;
    if (a.in_run.empty() || a.series.empty()) continue;
    rows.rows.push_back({name, a.series, a.below_min, a.above_max, a.all_rounds_ns.n,
                         cell_if(a.all_rounds_ns.n > 0, a.all_rounds_ns.mean), a.after_warm_up_ns.n,
                         cell_if(a.after_warm_up_ns.n > 0, a.after_warm_up_ns.mean),
                         cell_if(a.after_warm_up_ns.n > 0, a.after_warm_up_ns.min),
                         cell_if(a.after_warm_up_ns.n > 0, a.after_warm_up_ns.max)});
  }
  if (rows.rows.empty())
    result.items.emplace_back(absent_line("the logs have no '>>>> NAME time:' lines"));
  else
    result.items.emplace_back(std::move(rows));
  return result;
}

section traces_section(const speedup_side& baseline, const speedup_side& candidate) {
  section result{"traces", "From the traces", {}};
  table rows{"ops",
             "",
             {{"side", "side", unit::text},
              {"measured", "measured", unit::text},
              {"name", "name", unit::text},
              {"occurrences", "occurrences", unit::integer},
              {"min", "min", unit::duration_ns},
              {"max", "max", unit::duration_ns},
              {"average", "average", unit::duration_ns}},
             {},
             2};
  for (const auto& [side_name, side] :
       {std::pair("baseline", &baseline), std::pair("candidate", &candidate)}) {
    const auto add = [&, named = side_name](const char* measured, const analysis::op_times& of) {
      if (of.count > 0)
        rows.rows.push_back(
            {named, measured, of.name, of.count, of.min_ns, of.max_ns, of.mean_ns()});
    };
    add("kernel", side->kernel);
    if (side->section) add("section", *side->section);
    add("annotation, host", side->annotation.host);
    add("annotation, device", side->annotation.device);
  }
  result.items.emplace_back(std::move(rows));
  return result;
}

std::string text_of(const std::map<std::string, run_value>& properties, const std::string& name) {
  const auto found = properties.find(name);
  return found == properties.end() ? "-" : analysis::text_of(found->second);
}

section metadata_section(const speedup_side& baseline, const speedup_side& candidate) {
  section result{"metadata", "Run metadata", {}};
  std::map<std::string, run_value> all = baseline.metadata;
  all.insert(candidate.metadata.begin(), candidate.metadata.end());
  std::string missing;
  for (const char* name : required_metadata)
    if (baseline.metadata.count(name) == 0 || candidate.metadata.count(name) == 0)
      missing += (missing.empty() ? "" : ", ") + std::string(name);
  if (!missing.empty())
    result.items.emplace_back(
        line{"missing (--metadata NAME=VALUE): " + missing, {}, tone::warning});
  table rows{"metadata",
             "",
             {{"property", "property", unit::text},
              {"baseline", "baseline", unit::text},
              {"candidate", "candidate", unit::text}},
             {}};
  for (const auto& entry : all)
    rows.rows.push_back({entry.first, text_of(baseline.metadata, entry.first),
                         text_of(candidate.metadata, entry.first)});
  if (!rows.rows.empty()) result.items.emplace_back(std::move(rows));
  return result;
}

section units_section(const speedup_side& baseline, const speedup_side& candidate) {
  section result{"units", "Units", {}};
  for (const auto& [name, side] :
       {std::pair("baseline", &baseline), std::pair("candidate", &candidate)})
    for (const timeline::sample_series& s : side->log.series)
      result.items.emplace_back(plain_line(std::string(name) + ": " + timeline::unit_note(s)));
  result.items.emplace_back(
      note_line("stage lines are milliseconds; times of traces are whole nanoseconds"));
  return result;
}

std::vector<std::string> anomalies_of(const speedup_side& side) {
  std::vector<std::string> found;
  const auto add = [&found](const std::string& text) { found.push_back(text); };
  constexpr double slow_warm_up = 1.05;
  const analysis::stage_times& stage = side.stage;
  if (stage.runs_ns.size() > 1 && stage.runs_ns.front() &&
      static_cast<double>(*stage.runs_ns.front()) > slow_warm_up * stage.after_warm_up_mean_ns)
    add(fmt::format("the first run took {:.2f} times as long as the others: it counts as warm-up",
                    static_cast<double>(*stage.runs_ns.front()) / stage.after_warm_up_mean_ns));
  if (side.attention.below_min + side.attention.above_max > 0)
    add(fmt::format("{} attention samples lie outside the limits and were dropped",
                    side.attention.below_min + side.attention.above_max));
  if (has_attention(side) && attention_of(side).mean < side.kernel.mean_ns())
    add("attention end to end is shorter than its kernel: the traced run was slower than the "
        "logged "
        "ones, or names or units do not match");
  if (!side.log.stray_samples.empty())
    add(fmt::format("{} '>>>>' lines stand outside of every stage", side.log.stray_samples.size()));
  if (side.section && side.section->count == 0) add("the section never occurs");
  if (side.section && side.section->unfinished > 0)
    add(fmt::format("{} sections begin and never end", side.section->unfinished));
  if (side.traces_cut) add("a trace ends too early");
  if (side.log.averages) {
    const timeline::average_table& own = *side.log.averages;
    constexpr double rounding_ns = 20'000;  // the table has 5 decimals of a millisecond
    for (std::size_t i = 0; i < own.stages.size() && i < own.after_warm_up_ns.size(); ++i)
      if (own.stages[i] == stage.stage && std::fabs(static_cast<double>(own.after_warm_up_ns[i]) -
                                                    stage.after_warm_up_mean_ns) > rounding_ns)
        add("the log's own average of the stage is not that of its runs");
  }
  constexpr std::size_t most_remarks = 5;
  const std::size_t remarks = side.log.remarks.size();
  for (std::size_t i = 0; i < std::min(remarks, most_remarks); ++i)
    add(fmt::format("line {} of the log: {}", side.log.remarks[i].line, side.log.remarks[i].text));
  const auto more = static_cast<std::int64_t>(remarks - std::min(remarks, most_remarks)) +
                    side.log.remarks_left_out;
  if (more > 0) add(fmt::format("{} more remarks on the log", more));
  return found;
}

section anomalies_section(const speedup_side& baseline, const speedup_side& candidate) {
  section result{"anomalies", "Anomalies", {}};
  for (const auto& [name, side] :
       {std::pair("baseline", &baseline), std::pair("candidate", &candidate)})
    for (const std::string& text : anomalies_of(*side))
      result.items.emplace_back(line{std::string(name) + ": " + text, {}, tone::warning});
  if (result.items.empty()) result.items.emplace_back(line{"none", {}, tone::good});
  return result;
}

std::vector<std::string> stages_of(const speedup_side& side) {
  std::vector<std::string> names;
  if (side.log.rounds.empty()) return names;
  for (const timeline::stage_run& run : side.log.rounds.front().stages) names.push_back(run.stage);
  return names;
}

}  // namespace

std::vector<std::string> differences_of_work(const speedup_side& baseline,
                                             const speedup_side& candidate) {
  std::vector<std::string> found;
  if (baseline.stage.runs_ns.size() != candidate.stage.runs_ns.size())
    found.push_back(fmt::format("{} runs in {}, {} in {}", baseline.stage.runs_ns.size(),
                                baseline.log_path, candidate.stage.runs_ns.size(),
                                candidate.log_path));
  if (baseline.stage.stage != candidate.stage.stage)
    found.push_back("stage " + baseline.stage.stage + " against " + candidate.stage.stage);
  else if (stages_of(baseline) != stages_of(candidate))
    found.push_back("the logs have other stages, or in another order");
  if (calls_per_run(baseline) != calls_per_run(candidate))
    found.push_back(fmt::format("{} attention calls in a run against {}", calls_per_run(baseline),
                                calls_per_run(candidate)));
  if (baseline.trace_paths.size() != candidate.trace_paths.size())
    found.push_back(fmt::format("{} ranks against {}", baseline.trace_paths.size(),
                                candidate.trace_paths.size()));
  for (const analysis::property_difference& d :
       analysis::workload_differences(baseline.metadata, candidate.metadata))
    found.push_back(d.name + " " + d.first + " against " + d.second);
  return found;
}

render::document speedup_document(const speedup_side& baseline, const speedup_side& candidate,
                                  const std::vector<std::string>& forced) {
  render::document result{
      "speedup", "Speedup report", candidate.log_path + " against " + baseline.log_path, {}};
  if (!forced.empty()) {
    section different{"different_work", "NOT THE SAME WORK", {}};
    for (const std::string& text : forced) different.items.emplace_back(line{text, {}, tone::bad});
    result.sections.push_back(std::move(different));
  }
  append(result.sections,
         std::vector<section>{
             summary_section(baseline, candidate), gap_section(baseline, candidate),
             runs_section(baseline, candidate), attention_section(baseline, candidate),
             traces_section(baseline, candidate), metadata_section(baseline, candidate),
             units_section(baseline, candidate), anomalies_section(baseline, candidate)});
  return result;
}

}  // namespace latency::commands
