#pragma once
// Every chart there is, each a pure function of what analysis/ found; one source file each. They
// return nothing when the run has nothing to draw. Cost: what the analysis cost, at most.

#include <optional>

#include "analyzers/analysis/components.hpp"
#include "analyzers/charts/chart.hpp"
#include "latency/recording.hpp"

namespace latency::charts {

// Exclusive and inclusive time of each component, as bars.
[[nodiscard]] std::optional<chart> component_breakdown(const recording& run,
                                                       const analysis::component_table& parts);
// The tree of name paths: width is inclusive time, children stand on their parent.
[[nodiscard]] std::optional<chart> icicle(const recording& run, const analysis::hierarchy& tree,
                                          const analysis::component_table& parts);

}  // namespace latency::charts
