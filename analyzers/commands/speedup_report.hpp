#pragma once
// Both sides of a speedup, analysed, and the report that is drawn from them.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "analyzers/analysis/speedup.hpp"
#include "analyzers/render/document.hpp"
#include "latency/recording.hpp"

namespace latency::commands {

struct speedup_side {
  std::string log_path;
  std::vector<std::string> trace_paths;
  timeline::stage_log log;
  std::map<std::string, run_value> metadata;
  bool traces_cut = false;  // a trace ends too early

  analysis::stage_times stage;
  analysis::attention_times attention;
  analysis::op_times kernel;
  std::optional<analysis::op_times> section;
  analysis::annotation_times annotation;
};

// Why the two did not do the same work; empty when nothing speaks against it.
[[nodiscard]] std::vector<std::string> differences_of_work(const speedup_side& baseline,
                                                           const speedup_side& candidate);

// `forced`: differences that the user chose to overlook; they come first.
[[nodiscard]] render::document speedup_document(const speedup_side& baseline,
                                                const speedup_side& candidate,
                                                const std::vector<std::string>& forced);

}  // namespace latency::commands
