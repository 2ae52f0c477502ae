#pragma once
// What the cost of a prompt switch depends on: how much is recached, how full the cache is, what is
// copied, and whether the segments that switches divide a run into are equally fast.

#include <cstdint>
#include <optional>
#include <vector>

#include "analyzers/analysis/generation.hpp"
#include "analyzers/analysis/linear_fit.hpp"
#include "analyzers/analysis/median_comparison.hpp"
#include "analyzers/analysis/switches.hpp"
#include "latency/recording.hpp"
#include "latency/span_tree.hpp"
#include "latency/statistics.hpp"

namespace latency::analysis {

// Switches that recached equally many latent frames.
struct recache_row {
  std::int32_t recached_latent_frames = 0;
  std::int64_t switches = 0;
  double switch_total_mean_ns = 0;
};

enum class recache_verdict : std::uint8_t {
  saves,       // fewer latent frames to recache make a switch shorter
  too_few,     // cannot tell: fewer switches than linear_fit_minimum_n
  one_size,    // cannot tell: all of them recached equally many
  cannot_tell  // the interval of the slope reaches zero, or below
};

// The time of a switch over the latent frames that it recached, as a line. A switch recaches what
// the window holds (min(window, latent frames so far)), so the slope is what a smaller window saves
// at a switch, within the sizes that were measured.
struct recache_cost {
  std::vector<recache_row> rows;  // by recached latent frames
  std::optional<linear_fit> fit;  // of switch_total, ns per latent frame
  recache_verdict verdict = recache_verdict::too_few;
};

// Of the switches whose prompt_switch_total was recorded.
[[nodiscard]] recache_cost cost_of_recaching(const std::vector<switch_timing>& switches);

struct phase_row {
  scenario kind = scenario::full;  // filling or full: the KV cache when the switch took effect
  std::int64_t switches = 0;
  double recached_latent_frames_mean = 0;
  switch_summary cost;
};

// Filling first; phases without a switch have no row.
[[nodiscard]] std::vector<phase_row> by_cache_phase(const std::vector<switch_timing>& switches);

// Copies that were launched inside a prompt_switch_total span.
struct switch_transfer {
  std::size_t number = 0;  // of the switch in switch_report::switches
  copy_direction direction = copy_direction::none;
  std::int64_t copies = 0;
  std::int64_t bytes = 0;
  std::int64_t sum_ns = 0;  // of their durations: copies on several streams may overlap
};

// By switch, then direction. O(spans + device ops).
[[nodiscard]] std::vector<switch_transfer> transfers_of(const recording& run, const span_tree& tree,
                                                        const switch_report& switched);

// The same without the switch: one row for each direction, `number` 0.
[[nodiscard]] std::vector<switch_transfer> over_all(const std::vector<switch_transfer>& transfers);

// The steady blocks (full, no switch) of a segment against those of the run's first segment.
struct segment_speed {
  std::int32_t segment = 0;
  std::int64_t blocks = 0;       // all of its blocks
  median_comparison block_time;  // base: the first segment's; its own row has itself as base
};

// By segment; empty without blocks.
[[nodiscard]] std::vector<segment_speed> compare_segments(const recording& run,
                                                          const generation_report& generated);

}  // namespace latency::analysis
