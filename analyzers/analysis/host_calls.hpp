#pragma once
// What the host did for the device: calls that launch, wait and allocate, by the span they were
// made in. Counts and times are of the innermost span, without those below, so they add up.

#include <cstdint>
#include <vector>

#include "analyzers/analysis/generation.hpp"
#include "latency/recording.hpp"
#include "latency/saturating.hpp"
#include "latency/span_tree.hpp"

namespace latency::analysis {

struct call_count {
  std::int64_t count = 0;
  std::int64_t time_ns = 0;  // host time inside the calls; held at the limit of int64
  void add(const call_count& more) {
    count = saturating_add(count, more.count);
    time_ns = saturating_add(time_ns, more.time_ns);
  }
};

struct call_counts {
  call_count launches;          // of kernels, copies, memsets and graphs
  call_count synchronizations;  // waited for a device, a stream or an event
  call_count allocations;       // gave or took memory
  void add(const call_counts& more) {
    launches.add(more.launches);
    synchronizations.add(more.synchronizations);
    allocations.add(more.allocations);
  }
};

struct call_component {
  string_id name = 0;
  call_counts calls;
};

struct call_table {
  std::vector<call_component> rows;  // by time of all calls, largest first; ties by name text
  call_counts warm_up;               // in warm-up spans, which are in no row
  call_counts no_span;
  call_counts all;
};

// Blocks of one scenario: what they asked of the device per latent frame, in their spans and below
// (VAE spans stand beside them).
struct latent_frame_launches {
  scenario kind = scenario::full;
  std::int64_t blocks = 0;
  std::int64_t latent_frames = 0;
  call_count launches;
  std::int64_t device_ops = 0;  // more than launches where graphs are replayed
};

// From rows and totals. Pure; O(n log n) in calls and spans.
[[nodiscard]] call_table host_calls(const recording& run, const span_tree& tree);

// By scenario, in the order first, filling, full, switch; empty without blocks or launches.
[[nodiscard]] std::vector<latent_frame_launches> launches_per_latent_frame(
    const recording& run, const span_tree& tree, const generation_report& generated);

}  // namespace latency::analysis
