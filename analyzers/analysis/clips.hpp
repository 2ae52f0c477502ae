#pragma once
// Joins the tables of a recording: blocks with their spans, pixel frames and VAE spans, clip by
// clip.
//
// A clip is the blocks under one parent span of one thread: a recording may hold several (repeated
// runs, pooled ranks) that all count from block 0. A pixel frame or VAE span that names block b
// belongs to the one b that started last before it. Warm-up is left out, with all that belongs to
// it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "analyzers/analysis/generation.hpp"
#include "analyzers/analysis/span_names.hpp"
#include "latency/interval_set.hpp"
#include "latency/recording.hpp"
#include "latency/span_tree.hpp"

namespace latency::analysis {

struct joined_block {
  std::size_t row = 0;     // in recording::blocks
  std::uint32_t span = 0;  // in recording::spans
  std::size_t clip = 0;
  interval time;
  scenario kind = scenario::full;
};

// The KV cache held a whole attention window when the block started; never with an unlimited one.
[[nodiscard]] inline bool holds_window(const block& b) {
  return b.window_latent_frames > 0 && b.cached_latent_frames >= b.window_latent_frames;
}

struct joined_vae_span {
  std::uint32_t span = 0;            // in recording::spans
  std::optional<std::size_t> block;  // position in clip_index::blocks(), when it names one
  interval time;
};

struct clip {
  std::size_t first_block = 0;  // blocks()[first_block, end_block), by index
  std::size_t end_block = 0;
  std::uint32_t parent = no_span;         // the span that its blocks stand under
  std::int64_t start_ns = 0;              // of its earliest block
  std::vector<joined_vae_span> vae;       // by start
  std::vector<pixel_frame> pixel_frames;  // by index
  bool whole_clip_decode = false;         // a VAE span spans blocks: VAE time has no block
  bool serial = true;                     // no block overlaps another block or a VAE span
};

class clip_index {
 public:
  // O(n log n).
  clip_index(const recording& run, const span_tree& tree, const span_roles& roles);

  [[nodiscard]] const std::vector<joined_block>& blocks() const noexcept { return blocks_; }
  // One without blocks when there are pixel frames, but no block with a span.
  [[nodiscard]] const std::vector<clip>& clips() const noexcept { return clips_; }
  [[nodiscard]] std::int64_t warm_up_blocks() const noexcept { return warm_up_blocks_; }
  [[nodiscard]] std::int64_t blocks_without_span() const noexcept { return blocks_without_span_; }

  // Position of the counted block whose span is `span`.
  [[nodiscard]] std::optional<std::size_t> block_of_span(std::uint32_t span) const;
  // Position of the counted block `index` that started last at or before `time_ns`.
  [[nodiscard]] std::optional<std::size_t> block_at(std::int32_t index, std::int64_t time_ns) const;

 private:
  struct numbered {  // warm-up blocks too, so that nothing of theirs goes to another clip
    std::int32_t index;
    std::int64_t start_ns;
    std::optional<std::size_t> position;  // none: warm-up
  };

  void join_blocks(const recording& run, const span_tree& tree);
  void divide_into_clips(const recording& run, const span_tree& tree);
  void name_scenarios(const recording& run);
  [[nodiscard]] std::size_t clip_under(std::uint32_t parent, std::int64_t time_ns) const;
  void join_vae(const recording& run, const span_tree& tree, const span_roles& roles);
  void join_pixel_frames(const recording& run);
  void find_overlaps();
  [[nodiscard]] const numbered* find(std::int64_t index, std::int64_t time_ns) const;
  [[nodiscard]] std::size_t clip_at(std::int64_t time_ns) const;

  std::vector<joined_block> blocks_;                              // by clip, then index
  std::vector<clip> clips_;                                       // by start of their first block
  std::vector<numbered> numbered_;                                // by index, then start
  std::vector<std::pair<std::uint32_t, std::size_t>> by_span_;    // span, position
  std::vector<std::pair<std::uint32_t, std::size_t>> by_parent_;  // parent span, clip
  std::int64_t warm_up_blocks_ = 0;
  std::int64_t blocks_without_span_ = 0;
};

}  // namespace latency::analysis
