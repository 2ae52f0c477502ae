#pragma once
// Every chart of the sample run, for tests.

#include <optional>
#include <utility>
#include <vector>

#include "analyzers/analysis/components.hpp"
#include "analyzers/analysis/steps.hpp"
#include "analyzers/analysis/time_budget.hpp"
#include "analyzers/analysis/timeline_pyramid.hpp"
#include "analyzers/charts/charts.hpp"
#include "latency/device_accounting.hpp"
#include "latency/span_tree.hpp"

namespace latency::test {

inline std::vector<charts::chart> charts_of(const recording& run) {
  const span_tree tree(run);
  const device_accounting devices(run, tree);
  const auto parts = analysis::components(run, tree);
  const auto generated = analysis::generation(run, tree);
  std::vector<charts::chart> all;
  const auto add = [&](std::optional<charts::chart> drawn) {
    if (drawn) all.push_back(std::move(*drawn));
  };
  add(charts::timeline(run, analysis::make_timeline(run, tree, {}, 0), generated));
  add(charts::component_breakdown(run, parts));
  add(charts::icicle(run, analysis::hierarchy_of(run, tree), parts));
  add(charts::pixel_frame_completion(run, generated));
  add(charts::inter_frame_latency(run, generated));
  add(charts::running_statistics(run, generated));
  add(charts::denoising_time(run, analysis::steps(run, tree)));
  add(charts::kv_cache(run, analysis::kv_cache(run, tree)));
  add(charts::prompt_switch(run, analysis::switches(run, tree, generated)));
  add(charts::segments(run, generated));
  add(charts::time_budget(run, analysis::budgets(run, tree, generated)));
  add(charts::kernels(run, analysis::kernels(run, devices), {}));
  add(charts::memory(run));
  return all;
}

}  // namespace latency::test
