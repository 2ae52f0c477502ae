// What stands beside the figures of `latency speedup`: what was run, in which units, what is odd.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

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

std::string missing_metadata(const speedup_side& side) {
  std::string names;
  for (const char* name : required_metadata)
    if (side.metadata.count(name) == 0) names += (names.empty() ? "" : ", ") + std::string(name);
  return names;
}

// The log's own average of a stage is not the mean of its runs.
bool averages_disagree(const speedup_side& side) {
  if (!side.log.averages) return false;
  constexpr double rounding_ns = 20'000;  // the table has 5 decimals of a millisecond
  const timeline::average_table& own = *side.log.averages;
  for (std::size_t i = 0; i < std::min(own.stages.size(), own.after_warm_up_ns.size()); ++i)
    if (own.stages[i] == side.stage.stage &&
        std::fabs(static_cast<double>(own.after_warm_up_ns[i]) - side.stage.after_warm_up_mean_ns) >
            rounding_ns)
      return true;
  return false;
}

std::vector<std::string> anomalies_of_log(const speedup_side& side) {
  std::vector<std::string> found;
  const auto add = [&found](const std::string& text) { found.push_back(text); };
  constexpr double slow_warm_up = 1.05;
  const analysis::stage_times& stage = side.stage;
  const double mean_ns = stage.after_warm_up_mean_ns;
  if (stage.runs_ns.size() == 1)
    add("there is only one run: it counts, although it warms up");
  else if (stage.runs_ns.front() &&
           static_cast<double>(*stage.runs_ns.front()) > slow_warm_up * mean_ns && mean_ns > 0)
    add(fmt::format("the first run took {:.2f} times as long as the others: it counts as warm-up",
                    static_cast<double>(*stage.runs_ns.front()) / mean_ns));
  const auto unfinished = std::count(stage.runs_ns.begin(), stage.runs_ns.end(), std::nullopt);
  if (unfinished > 0) add(counted(unfinished, "run") + " without a completed stage");
  const auto& calls = side.attention.in_run;
  if (calls.size() > 1 &&
      std::adjacent_find(calls.begin() + 1, calls.end(), std::not_equal_to<>()) != calls.end())
    add("runs differ in their number of attention calls");
  if (side.attention.below_min + side.attention.above_max > 0)
    add(fmt::format("{} attention samples lie outside the limits and were dropped",
                    side.attention.below_min + side.attention.above_max));
  if (!side.log.stray_samples.empty())
    add(fmt::format("{} '>>>>' lines stand outside of every stage", side.log.stray_samples.size()));
  for (const timeline::sample_series& s : side.log.series)
    if (s.basis == timeline::sample_series::unit_basis::doubtful)
      add(fmt::format("the unit of {} is in doubt: say it with --{}-sample-unit", s.name,
                      side.name));
  if (const double part = side.attention_share(); part > 1)
    add(
        fmt::format("the attention calls of a run add up to {:.2f} times its stage: samples of "
                    "several ranks in one log, or a wrong unit",
                    part));
  if (averages_disagree(side)) add("the log's own average of the stage is not that of its runs");
  constexpr std::size_t most_remarks = 5;
  const std::size_t shown = std::min(side.log.remarks.size(), most_remarks);
  for (std::size_t i = 0; i < shown; ++i)
    add(fmt::format("line {} of the log: {}", side.log.remarks[i].line, side.log.remarks[i].text));
  const auto more =
      static_cast<std::int64_t>(side.log.remarks.size() - shown) + side.log.remarks_left_out;
  if (more > 0) add(counted(more, "more remark") + " on the log");
  return found;
}

std::vector<std::string> anomalies_of_traces(const speedup_side& side) {
  std::vector<std::string> found;
  const auto add = [&found](const std::string& text) { found.push_back(text); };
  const double kernel_ns = side.launches.number * side.kernel.mean_ns();
  if (side.has_attention() && side.attention_ns().mean < kernel_ns)
    add(
        fmt::format("attention end to end is shorter than its kernel, by {:.1f} %: the traced run "
                    "was slower than the logged ones, or names or units do not match",
                    100 * (1 - side.attention_ns().mean / kernel_ns)));
  if (side.section && side.section->passes.count == 0) add("the section never occurs");
  if (side.section && side.section->unfinished > 0)
    add(counted(side.section->unfinished, "section") + " begun and never ended");
  if (side.traces_cut) add("a trace ends too early");
  return found;
}

}  // namespace

section metadata_section(const speedup_sides& sides) {
  section result{"metadata", "Run metadata", {}};
  const std::string missing[] = {missing_metadata(sides[0]), missing_metadata(sides[1])};
  const auto add_missing = [&](const std::string& of, const std::string& names) {
    if (!names.empty())
      result.items.emplace_back(
          line{of + "missing (--metadata NAME=VALUE): " + names, {}, tone::warning});
  };
  if (missing[0] == missing[1]) {
    add_missing("", missing[0]);
  } else {
    for (std::size_t i = 0; i < sides.size(); ++i) add_missing(sides[i].name + ": ", missing[i]);
  }
  table rows{"metadata",
             "",
             {{"property", "property", unit::text},
              {"baseline", "baseline", unit::text},
              {"candidate", "candidate", unit::text}},
             {}};
  std::map<std::string, run_value> all = sides[0].metadata;
  all.insert(sides[1].metadata.begin(), sides[1].metadata.end());
  const auto text_on = [](const speedup_side& side, const std::string& name) -> cell {
    const auto found = side.metadata.find(name);
    if (found == side.metadata.end()) return {};
    return analysis::text_of(found->second);
  };
  for (const auto& entry : all)
    rows.rows.push_back(
        {entry.first, text_on(sides[0], entry.first), text_on(sides[1], entry.first)});
  if (!rows.rows.empty()) result.items.emplace_back(std::move(rows));
  return result;
}

section units_section(const speedup_sides& sides) {
  section result{"units", "Units", {}};
  for (const speedup_side& side : sides)
    for (const timeline::sample_series& s : side.log.series)
      result.items.emplace_back(plain_line(side.name + ": " + timeline::unit_note(s)));
  result.items.emplace_back(
      note_line("stage lines are milliseconds; times of traces are whole nanoseconds"));
  return result;
}

section anomalies_section(const speedup_sides& sides) {
  section result{"anomalies", "Anomalies", {}};
  for (const speedup_side& side : sides)
    for (const auto& found : {anomalies_of_log(side), anomalies_of_traces(side)})
      for (const std::string& text : found)
        result.items.emplace_back(line{side.name + ": " + text, {}, tone::warning});
  if (result.items.empty()) result.items.emplace_back(line{"none", {}, tone::good});
  return result;
}

}  // namespace latency::commands
