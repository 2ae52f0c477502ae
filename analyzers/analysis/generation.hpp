#pragma once
// How fast latent and pixel frames come: blocks, scenarios, frames per second, deadlines.
//
// Definitions
// - block time: the duration of the block's span (`temporal_block`): its denoising, context pass
// and,
//   in a switch block, the switch. VAE spans stand beside it, not in it.
// - VAE time of a block: the VAE spans that carry its `block` attribute; a whole-clip decode
// belongs
//   to the clip, not to a block.
// - scenario of a block, the first that holds:
//     first     the block with the lowest index of its clip
//     switched  a prompt switch took effect at its start
//     filling   the KV cache did not hold a full window when it started (always, if unlimited)
//     full      else: the steady state
// - inter-frame latency: block time / its latent frames (per latent frame), and the gap between the
//   completions of two consecutive pixel frames (per pixel frame; belongs to the later one). Steady
//   = of full blocks.
// - frames per second: frames / length of the union of the block spans (without VAE decoding), or
// of
//   the block and VAE spans (with). In a serial run the union is the sum. Time in which neither ran
//   (waiting for a player, loading) is in neither.
// - clip: the blocks under one parent span of one thread. Warm-up blocks are left out and counted.
// - deadlines: pixel frame i of a clip is due at t0 + i * period, see latency/deadline.hpp.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "latency/deadline.hpp"
#include "latency/recording.hpp"
#include "latency/span_tree.hpp"
#include "latency/statistics.hpp"

namespace latency::analysis {

enum class scenario : std::uint8_t { first, filling, full, switched, within_block, block_boundary };
[[nodiscard]] const char* to_string(scenario s);  // "first", "filling", "full", "switch", ...

struct block_timing {
  std::size_t row = 0;    // in recording::blocks
  std::int32_t clip = 0;  // from 0, in order of start
  scenario kind = scenario::full;
  std::int64_t start_ns = 0;
  std::int64_t block_ns = 0;
  std::int64_t vae_ns = 0;         // union of its VAE spans; 0 when the clip is decoded as a whole
  std::int64_t pixel_frames = 0;   // recorded ones, else 4 per latent frame (1 for latent frame 0)
  double per_latent_frame_ns = 0;  // block_ns / latent frames; 0 when it has none
};

// Blocks: one row per scenario that occurs, in the order first, filling, full, switched.
struct scenario_row {
  scenario kind = scenario::full;
  std::int64_t latent_frames = 0;
  summary block_ns;             // block time
  summary per_latent_frame_ns;  // block time / latent frames
};

// Pixel frames: completion gaps within a block, and from one block's last to the next one's first.
struct gap_row {
  scenario kind = scenario::within_block;
  summary gap_ns;
};

struct frame_rate {
  std::int64_t latent_frames = 0;
  std::int64_t pixel_frames = 0;
  std::int64_t without_vae_ns = 0;  // union of the block spans
  std::int64_t with_vae_ns = 0;     // union of the block and VAE spans
  // 0 when the time is 0. "with VAE" only when VAE spans were recorded.
  double latent_fps_without_vae = 0;
  double pixel_fps_without_vae = 0;
  std::optional<double> latent_fps_with_vae;
  std::optional<double> pixel_fps_with_vae;
};

struct segment_row {
  std::int32_t segment = 0;
  std::int64_t blocks = 0;
  frame_rate rate;  // VAE: only that of its own blocks, none for a whole-clip decode
  summary steady_per_latent_frame_ns;
};

// Over all clips (each with its own t0), at one playout period: latency/deadline.hpp.
struct deadline_row {
  std::int64_t period_ns = 0;
  std::int64_t expected = 0;  // pixel frames that were due
  std::int64_t missing = 0;
  std::int64_t late = 0;
  double hit_rate = 0;                 // (expected - missing - late) / expected
  std::int64_t worst_lateness_ns = 0;  // 0 when none is late
  std::int64_t gaps_over_period = 0;   // raw completion gaps longer than the period, beside it
};

struct late_pixel_frame {
  std::int32_t clip = 0;
  std::int32_t index = 0;
  std::int32_t block = 0;
  std::optional<scenario> kind;  // of its block, when that is known
  std::int64_t lateness_ns = 0;
};

// One pixel frame, each once, as the deadlines at 40 ms saw it.
struct pixel_frame_timing {
  std::int32_t clip = 0;
  pixel_frame_deadline at_25_fps;
  std::optional<scenario> kind;        // of its block, when that is known
  std::optional<std::int64_t> gap_ns;  // since the completion of the one before; none for the first
  bool block_boundary = false;         // the one before belongs to another block
};

struct generation_report {
  std::vector<block_timing> blocks;  // by clip, then block index
  std::int64_t clips = 0;
  std::int64_t warm_up_blocks = 0;       // left out
  std::int64_t blocks_without_span = 0;  // their span was dropped: left out
  std::vector<scenario_row> scenarios;
  std::vector<gap_row> gaps;
  summary steady_per_latent_frame_ns;                    // block time / latent frames, full blocks
  summary steady_per_pixel_frame_ns;                     // completion gaps, full blocks
  summary pixel_frame_gaps_ns;                           // all completion gaps
  std::vector<std::int64_t> steady_pixel_frame_gaps_ns;  // the values, by clip, then pixel frame
  frame_rate rate;
  bool serial = false;  // in every clip, no block overlaps another block or a VAE span
  std::vector<segment_row> segments;    // by segment
  std::vector<deadline_row> deadlines;  // one per playout_periods_ns; empty without pixel frames
  std::vector<pixel_frame_timing> pixel_frames;  // by clip, then index
  std::vector<late_pixel_frame> late_at_25_fps;  // late at 40 ms, in order
  // Of the first clip: its first pixel frame complete, minus the start of the outermost span around
  // its first block (loading and text encoding included) and minus the start of that block.
  std::optional<std::int64_t> first_pixel_frame_from_root_ns;
  std::optional<std::int64_t> first_pixel_frame_from_block_ns;
};

inline constexpr std::int64_t period_at_25_fps_ns = 40'000'000;

// Pure; O(n log n). Empty when the recording has no blocks; pixel frames without any still
// give gaps and deadlines, as one clip.
[[nodiscard]] generation_report generation(const recording& run, const span_tree& tree);

}  // namespace latency::analysis
