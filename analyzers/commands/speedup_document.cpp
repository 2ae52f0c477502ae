#include <fmt/format.h>

#include <utility>

#include "analyzers/analysis/workload.hpp"
#include "analyzers/commands/document_parts.hpp"
#include "analyzers/commands/speedup_report.hpp"

namespace latency::commands {

using render::line;
using render::section;

namespace {

std::vector<std::string> stages_of(const speedup_side& side) {
  std::vector<std::string> names;
  if (side.log.rounds.empty()) return names;
  for (const timeline::stage_run& run : side.log.rounds.front().stages) names.push_back(run.stage);
  return names;
}

}  // namespace

double speedup_side::stage_mean_ns() const {
  return stage.after_warm_up_mean_ns > 0 ? stage.after_warm_up_mean_ns : stage.all_rounds_mean_ns;
}

const summary& speedup_side::attention_ns() const {
  return attention.in_run.size() > 1 ? attention.after_warm_up_ns : attention.all_rounds_ns;
}

double speedup_side::calls_per_run() const {
  const auto& runs = attention.in_run;
  if (runs.empty()) return 0;
  const std::vector<std::int64_t> later(runs.begin() + (runs.size() > 1 ? 1 : 0), runs.end());
  return mean(later);
}

double speedup_side::attention_share() const {
  return has_attention() ? calls_per_run() * attention_ns().mean / stage_mean_ns() : 0;
}

std::vector<std::string> differences_of_work(const speedup_sides& sides) {
  const auto& [baseline, candidate] = sides;
  std::vector<std::string> found;
  if (baseline.stage.runs_ns.size() != candidate.stage.runs_ns.size())
    found.push_back(fmt::format("{} runs in {}, {} in {}", baseline.stage.runs_ns.size(),
                                baseline.log_path, candidate.stage.runs_ns.size(),
                                candidate.log_path));
  if (baseline.stage.stage != candidate.stage.stage)
    found.push_back("stage " + baseline.stage.stage + " against " + candidate.stage.stage);
  else if (stages_of(baseline) != stages_of(candidate))
    found.push_back("the logs have other stages, or in another order");
  if (baseline.calls_per_run() != candidate.calls_per_run())
    found.push_back(fmt::format("{:.4g} attention calls in a run against {:.4g}",
                                baseline.calls_per_run(), candidate.calls_per_run()));
  if (baseline.trace_paths.size() != candidate.trace_paths.size())
    found.push_back(fmt::format("{} ranks against {}", baseline.trace_paths.size(),
                                candidate.trace_paths.size()));
  for (const analysis::property_difference& d :
       analysis::workload_differences(baseline.metadata, candidate.metadata))
    found.push_back(d.name + " " + d.first + " against " + d.second);
  return found;
}

render::document speedup_document(const speedup_sides& sides,
                                  const std::vector<std::string>& forced) {
  render::document result{
      "speedup", "Speedup report", sides[1].log_path + " against " + sides[0].log_path, {}};
  if (!forced.empty()) {
    section different{"different_work", "NOT THE SAME WORK", {}};
    for (const std::string& text : forced) different.items.emplace_back(line{text, {}, tone::bad});
    result.sections.push_back(std::move(different));
  }
  append(result.sections, std::vector<section>{speedups_section(sides), gap_section(sides),
                                               runs_section(sides), attention_section(sides),
                                               traces_section(sides), metadata_section(sides),
                                               units_section(sides), anomalies_section(sides)});
  return result;
}

}  // namespace latency::commands
