#pragma once
// What a prompt switch costs, in both published definitions, and where the time went.
//
// Delta: time of the block at whose start the switch took effect, minus that of the block before.
// Serial runs only: when blocks or VAE spans overlap, a block's duration also holds waiting for
// others. Its parts sum to it exactly; delta_part says which there are.
//
// Absolute: from the request to the first new pixel frame complete. Every nanosecond of [request,
// complete) belongs to one part, so the parts sum to it exactly. An instant covered by several
// candidates goes to the first that holds in this order:
// - cache_reset: prompt_switch_kv_reset, prompt_switch_crossattn_reset, prompt_switch_final_reset
// - recache_setup: prompt_switch_recache_setup
// - recache_forward: prompt_switch_recache
// - text_encoding: interactive_text_encoding, text_encoding; on a thread of its own, beside the
//   generation, only from where the block's span opened
// - denoising: spans directly under the switch's block, the switch itself apart: denoising steps,
//   context pass, preparation, recording
// - decode: the VAE spans that decode the block's first latent frame (with the same `block`
//   attribute: its input preparation and post-processing)
// - boundary_wait: before the block's span opened
// - unaccounted: before the block's span closed
// - display_queue: after it: latent frames waiting for the decoder, or pixels for their copy

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "analyzers/analysis/generation.hpp"
#include "analyzers/analysis/median_comparison.hpp"
#include "latency/recording.hpp"
#include "latency/span_tree.hpp"
#include "latency/statistics.hpp"

namespace latency::analysis {

// In the order in which tables show them.
enum class switch_part : std::uint8_t {
  boundary_wait,
  text_encoding,
  cache_reset,
  recache_setup,
  recache_forward,
  denoising,
  decode,
  display_queue,
  unaccounted
};
inline constexpr std::size_t switch_part_count = 9;
[[nodiscard]] const char* to_string(switch_part part);  // "boundary wait", ...

using switch_parts = std::array<std::int64_t, switch_part_count>;  // indexed by switch_part

// The first three as above, as far as they lie in the block.
enum class delta_part : std::uint8_t {
  cache_reset,
  recache_setup,
  recache_forward,
  rest_of_switch,  // of its prompt_switch_total span
  rest_of_block    // the block without the switch, minus the block before
};
inline constexpr std::size_t delta_part_count = 5;
[[nodiscard]] const char* to_string(delta_part part);

using delta_parts = std::array<std::int64_t, delta_part_count>;  // indexed by delta_part

struct switch_timing {
  std::size_t row = 0;  // in recording::switches
  std::int32_t clip = 0;
  std::int32_t recached_latent_frames = 0;
  std::int32_t block_latent_frames = 0;  // of the block at whose start it took effect
  bool window_full = false;              // the KV cache held a whole window then
  std::int64_t switch_total_ns = 0;      // its prompt_switch_total span; 0 when not recorded
  std::optional<std::int64_t> delta_ns;  // none: not serial, or one of the two blocks is missing
  bool delta_against_steady = false;     // the block before is a full one
  delta_parts delta_parts_ns{};          // sum = delta_ns; zeros without it
  std::optional<std::int64_t>
      absolute_ns;          // none: no first new pixel frame at or after the request
  switch_parts parts_ns{};  // sum = absolute_ns; zeros without it
};

// Over some switches; each figure over those that have it.
struct switch_summary {
  summary switch_total_ns;
  summary delta_ns;
  std::array<summary, delta_part_count> delta_parts_ns;
  summary absolute_ns;
  std::array<summary, switch_part_count> parts_ns;
};
[[nodiscard]] switch_summary summarize_switches(const std::vector<switch_timing>& switches);

struct switch_report {
  std::vector<switch_timing> switches;  // by clip, then block
  bool serial = false;
  switch_summary over_all;
  // Are the blocks after a switch slower than the steady ones? After: full blocks that start while
  // the window still holds latent frames from before or of the recache, i.e. the next window /
  // latent-frames-per-block blocks. The switch's block is not among them: its cost is the delta.
  // Steady, the base: every other full block.
  median_comparison after;
  std::int64_t warm_up_switches = 0;        // left out
  std::int64_t switches_without_block = 0;  // its block or that block's span is missing: left out
};

// Pure; O(n log n). Empty when the recording has no switches.
[[nodiscard]] switch_report switches(const recording& run, const span_tree& tree,
                                     const generation_report& generated);

}  // namespace latency::analysis
