#pragma once
// Denoising steps, one by one: spans that carry an integer attribute `step`.

#include <cstdint>
#include <optional>
#include <vector>

#include "latency/recording.hpp"
#include "latency/span_tree.hpp"
#include "latency/statistics.hpp"

namespace latency::analysis {

struct step_timing {
  string_id name = 0;
  std::int64_t step = 0;
  std::optional<std::int64_t> block;
  std::optional<double> timestep;
  std::int64_t start_ns = 0;
  std::int64_t duration_ns = 0;
  bool inside_step = false;  // a span around it is a step, too: its time is counted there
};

// All steps of one name, index and timestep.
struct step_group {
  string_id name = 0;
  std::int64_t step = 0;
  std::optional<double> timestep;
  summary duration_ns;
};

struct step_report {
  std::vector<step_timing> steps;  // by start
  std::vector<step_group> groups;  // by step, then name text, then timestep
};

// Warm-up is left out. Pure; O(spans + steps log steps).
[[nodiscard]] step_report steps(const recording& run, const span_tree& tree);

}  // namespace latency::analysis
