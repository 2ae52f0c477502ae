#pragma once
// Recordings, analysed once, and the sections of `latency switch` that are drawn from them.

#include <deque>
#include <string>
#include <vector>

#include "analyzers/analysis/switch_cost.hpp"
#include "analyzers/commands/breakdown_report.hpp"
#include "analyzers/commands/switch_tables.hpp"
#include "analyzers/render/document.hpp"
#include "latency/recording.hpp"

namespace latency::commands {

struct switch_file {
  switch_file(std::string called, recording recorded);

  std::string letter;  // empty for the only file
  recording run;
  breakdown_report analysed;  // refers to `run`
  std::vector<analysis::switch_transfer> transfers;
  std::vector<analysis::segment_speed> segments;
};
using switch_files = std::deque<switch_file>;

// The files that have switches, for the shared tables.
[[nodiscard]] std::vector<switch_source> sources_of(const switch_files& files);
[[nodiscard]] std::vector<analysis::switch_timing> all_switches(const switch_files& files);

// Each returns one section; without data it holds one line that says why.
[[nodiscard]] render::section switch_hygiene_section(const switch_files& files);
[[nodiscard]] render::section delta_section(const switch_files& files, bool detailed);
[[nodiscard]] render::section absolute_section(const switch_files& files, bool detailed);
[[nodiscard]] render::section steady_section(const switch_files& files, bool detailed);
[[nodiscard]] render::section recache_section(const switch_files& files);
[[nodiscard]] render::section phase_section(const switch_files& files);
[[nodiscard]] render::section switch_transfers_section(const switch_files& files, bool detailed);
[[nodiscard]] render::section segments_section(const switch_files& files);

// All of the above; which file is which first, when there are several.
[[nodiscard]] render::document switch_document(const switch_files& files, bool detailed);

}  // namespace latency::commands
