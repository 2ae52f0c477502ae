#include "analyzers/analysis/distortions.hpp"

#include <algorithm>

#include "latency/device_words.hpp"

namespace latency::analysis {
namespace {

bool reached(const recording& run, device_tier tier) {
  const auto named = run.run.find("tier");
  const auto* const text =
      named == run.run.end() ? nullptr : std::get_if<std::string>(&named->second);
  return text != nullptr && *text == to_text(tier);
}

// Only windows whose events are nodes of a graph know of replays.
bool has_windows_in_graphs(const recording& run) {
  return std::any_of(
      run.event_windows.begin(), run.event_windows.end(),
      [](const event_window& window) { return window.replay != 0 || window.last_replay != 0; });
}

}  // namespace

std::string overhead_tier_of(const recording& run) {
  if (reached(run, device_tier::kernels))
    return run.device_totals.empty() ? overhead_tier_names::kernels
                                     : overhead_tier_names::kernel_totals;
  if (reached(run, device_tier::events))
    return has_windows_in_graphs(run) ? overhead_tier_names::graph_events
                                      : overhead_tier_names::events;
  return overhead_tier_names::spans;
}

std::vector<distortion> distortions_of(const recording& run) {
  std::vector<distortion> told = distortions_in(run.overhead);
  if (told.empty()) return told;
  const std::string tier = overhead_tier_of(run);
  const bool device = tier != overhead_tier_names::spans;
  std::erase_if(told, [&](const distortion& d) {
    return d.tier != tier || (d.of == measured_time::device && !device);
  });
  return told;
}

}  // namespace latency::analysis
