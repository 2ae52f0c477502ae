#pragma once
// Every chart there is, each a pure function of what analysis/ found; one source file each. They
// return nothing when the run has nothing to draw. Cost: what the analysis cost, at most.

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "analyzers/analysis/components.hpp"
#include "analyzers/analysis/generation.hpp"
#include "analyzers/analysis/kernels.hpp"
#include "analyzers/analysis/kv_cache.hpp"
#include "analyzers/analysis/steps.hpp"
#include "analyzers/analysis/switches.hpp"
#include "analyzers/analysis/time_budget.hpp"
#include "analyzers/analysis/timeline_pyramid.hpp"
#include "analyzers/charts/chart.hpp"
#include "latency/recording.hpp"

namespace latency::charts {

// What ran when: the coarsest level of the timeline, with blocks and switches behind it.
[[nodiscard]] std::optional<chart> timeline(const recording& run,
                                            const analysis::timeline_pyramid& from,
                                            const analysis::generation_report& generated);
// Exclusive and inclusive time of each component, as bars.
[[nodiscard]] std::optional<chart> component_breakdown(const recording& run,
                                                       const analysis::component_table& parts);
// The tree of name paths: width is inclusive time, children stand on their parent.
[[nodiscard]] std::optional<chart> icicle(const recording& run, const analysis::hierarchy& tree,
                                          const analysis::component_table& parts);
// Each pixel frame's lateness at 25 per second, under the playout model of latency/deadline.hpp.
[[nodiscard]] std::optional<chart> pixel_frame_completion(
    const recording& run, const analysis::generation_report& generated);
// Histogram of completion gaps by scenario, with percentiles.
[[nodiscard]] std::optional<chart> inter_frame_latency(
    const recording& run, const analysis::generation_report& generated);
// Mean, P50 and P95 of the time per latent frame over the blocks so far.
[[nodiscard]] std::optional<chart> running_statistics(const recording& run,
                                                      const analysis::generation_report& generated);
// Steps stacked, one bar for each block.
[[nodiscard]] std::optional<chart> denoising_time(const recording& run,
                                                  const analysis::step_report& steps);
[[nodiscard]] std::optional<chart> kv_cache(const recording& run,
                                            const analysis::kv_cache_report& cache);
// The parts of the absolute latency of each switch.
[[nodiscard]] std::optional<chart> prompt_switch(const recording& run,
                                                 const analysis::switch_report& switched);
// Steady time per latent frame of each segment.
[[nodiscard]] std::optional<chart> segments(const recording& run,
                                            const analysis::generation_report& generated);

// Where the time of one pixel frame and of one denoising step goes.
[[nodiscard]] std::optional<chart> time_budget(const recording& run,
                                               const analysis::time_budgets& budgets);

inline constexpr std::size_t most_kernels = 25;  // drawn; the table has all
// `names`: of kernels as people read them (analysis/kernel_names.hpp).
[[nodiscard]] std::optional<chart> kernels(const recording& run,
                                           const analysis::kernel_table& table,
                                           const std::unordered_map<string_id, std::string>& names);
[[nodiscard]] std::optional<chart> memory(const recording& run);

struct compared_file {
  std::string name;  // for people
  const recording* run = nullptr;
  const analysis::component_table* parts = nullptr;
};
// Exclusive time by component, side by side; nothing for fewer than two files.
[[nodiscard]] std::optional<chart> files_compared(const std::vector<compared_file>& files);

}  // namespace latency::charts
