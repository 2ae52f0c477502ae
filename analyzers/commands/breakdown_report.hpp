#pragma once
// One recording, analysed once, and the sections of `latency breakdown` that are drawn from it.

#include <string>
#include <unordered_map>
#include <vector>

#include "analyzers/analysis/advice.hpp"
#include "analyzers/analysis/components.hpp"
#include "analyzers/analysis/copies.hpp"
#include "analyzers/analysis/device_components.hpp"
#include "analyzers/analysis/generation.hpp"
#include "analyzers/analysis/hygiene.hpp"
#include "analyzers/analysis/kernel_names.hpp"
#include "analyzers/analysis/kernels.hpp"
#include "analyzers/analysis/kv_cache.hpp"
#include "analyzers/analysis/switches.hpp"
#include "analyzers/render/document.hpp"
#include "latency/device_accounting.hpp"
#include "latency/proof.hpp"
#include "latency/recording.hpp"
#include "latency/span_tree.hpp"

namespace latency::commands {

struct breakdown_report {
  explicit breakdown_report(const recording& recorded);

  const recording& run;  // must outlive the report
  span_tree tree;
  device_accounting devices;
  proof proven;
  analysis::hygiene_report health;
  analysis::component_table components;
  analysis::hierarchy hierarchy;
  analysis::generation_report generated;
  analysis::switch_report switched;
  analysis::kv_cache_report cache;
  std::unordered_map<string_id, std::string> op_names;  // as tables show them
  analysis::kernel_table kernels;
  analysis::device_component_table device_parts;
  std::vector<analysis::copy_row> copies;
  std::vector<analysis::advice> advice;
};

// Whether the recording knows anything of a device. Without, the sections about it are left out.
[[nodiscard]] bool has_device(const breakdown_report& report);

// Each returns one section; without data it holds one line that says why. `detailed` adds columns.
[[nodiscard]] render::section hygiene_section(const breakdown_report& report);
[[nodiscard]] render::section run_section(const breakdown_report& report);
[[nodiscard]] render::section components_section(const breakdown_report& report, bool detailed);
[[nodiscard]] render::section hierarchy_section(const breakdown_report& report);
[[nodiscard]] render::section proof_section(const breakdown_report& report);
[[nodiscard]] render::section device_section(const breakdown_report& report, bool detailed);
[[nodiscard]] render::section kernels_section(const breakdown_report& report, bool detailed);
[[nodiscard]] render::section gaps_section(const breakdown_report& report, bool detailed);
[[nodiscard]] render::section copies_section(const breakdown_report& report);
[[nodiscard]] render::section calls_section(const breakdown_report& report, bool detailed);
[[nodiscard]] render::section events_section(const breakdown_report& report, bool detailed);
[[nodiscard]] render::section switches_section(const breakdown_report& report, bool detailed);
[[nodiscard]] render::section generation_section(const breakdown_report& report, bool detailed);
[[nodiscard]] render::section kv_cache_section(const breakdown_report& report);
[[nodiscard]] render::section advice_section(const breakdown_report& report);
[[nodiscard]] render::section blocks_section(const breakdown_report& report);  // --detailed
[[nodiscard]] render::section steps_section(const breakdown_report& report);   // --detailed

// All of the above, hygiene first. `source` is the file or files, for people.
[[nodiscard]] render::document breakdown_document(const breakdown_report& report,
                                                  const std::string& source, bool detailed);

}  // namespace latency::commands
