#pragma once
// Both sides of a speedup, analysed, and the sections of the report that are drawn from them.

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "analyzers/analysis/speedup.hpp"
#include "analyzers/render/document.hpp"
#include "latency/recording.hpp"

namespace latency::commands {

struct speedup_side {
  std::string name;  // "baseline" or "candidate"
  std::string log_path;
  std::vector<std::string> trace_paths;
  timeline::stage_log log;
  std::map<std::string, run_value> metadata;
  bool traces_cut = false;  // a trace ends too early

  analysis::stage_times stage;
  analysis::attention_times attention;
  analysis::op_times kernel;
  std::optional<analysis::section_times> section;
  analysis::annotation_times annotation;
  analysis::launches_per_call launches;

  // Without the first run, which warms up, unless it is the only one.
  [[nodiscard]] double stage_mean_ns() const;
  [[nodiscard]] const summary& attention_ns() const;
  [[nodiscard]] bool has_attention() const { return attention_ns().n > 0; }
  [[nodiscard]] bool has_section() const { return section && section->passes.count > 0; }
  // Attention calls in a run: the mean over the runs that count.
  [[nodiscard]] double calls_per_run() const;
  // All of them, over the stage: more than 1 where they ran side by side, or a unit is wrong.
  [[nodiscard]] double attention_share() const;
};
using speedup_sides = std::array<speedup_side, 2>;  // baseline, candidate

// Why the two did not do the same work; empty when nothing speaks against it.
[[nodiscard]] std::vector<std::string> differences_of_work(const speedup_sides& sides);

[[nodiscard]] render::section speedups_section(const speedup_sides& sides);
[[nodiscard]] render::section gap_section(const speedup_sides& sides);
[[nodiscard]] render::section runs_section(const speedup_sides& sides);
[[nodiscard]] render::section attention_section(const speedup_sides& sides);
[[nodiscard]] render::section traces_section(const speedup_sides& sides);
[[nodiscard]] render::section metadata_section(const speedup_sides& sides);
[[nodiscard]] render::section units_section(const speedup_sides& sides);
[[nodiscard]] render::section anomalies_section(const speedup_sides& sides);

// All of them. `forced`: differences that the user chose to overlook; they come first.
[[nodiscard]] render::document speedup_document(const speedup_sides& sides,
                                                const std::vector<std::string>& forced);

}  // namespace latency::commands
