#pragma once
// Where the keys and values of a forward go in the KV cache, and which rows it attends to: pure
// index arithmetic, the same for every layer and every back end.
//
// Both policies follow the published pointers. `local_end` counts the valid tokens of the cache,
// `global_end` the tokens of the video written so far; they change only when a forward has passed
// all layers. A forward over tokens that were written before (a later denoising step, the context
// pass, a recache) is a recompute: it writes over them and leaves the sink alone.
//
// roll: slots are in time order; when the window is full, everything after the sink moves down.
// ring: latent frame f stays in slot f < sink ? f : sink + (f - sink) mod (window - sink).

#include <cstdint>
#include <memory>
#include <vector>

#include "pipeline_reference/longlive/dit_config.hpp"
#include "pipeline_reference/ops/transformer_ops.hpp"

namespace longlive {

struct kv_pointers {
  std::int64_t local_end_tokens = 0;
  std::int64_t global_end_tokens = 0;
  bool operator==(const kv_pointers&) const = default;
};

// The latent frames that one forward computes.
struct kv_call {
  std::int64_t start_latent_frame = 0;
  std::int64_t latent_frames = 0;
  bool rewrites_sink = false;  // a recache after the cache was zeroed
};

struct kv_plan {
  // First: rows [move_from, move_from + moved_tokens) go to move_to.
  std::int64_t move_from = 0, move_to = 0, moved_tokens = 0;
  std::int64_t evicted_tokens = 0;  // of the window, to make room
  // Then: latent frame i of the call is written from cache_rows[i] on; -1 = not written.
  std::vector<std::int32_t> cache_rows;
  // Then attention reads these rows.
  ops::row_range attended[2];
  // And when all layers have done so, the pointers become these.
  kv_pointers after;

  std::int64_t attended_tokens = 0;
  std::int64_t written_tokens = 0;
  std::int64_t rewritten_tokens =
      0;                           // of the written ones: over the same latent frames' old values
  std::int64_t reused_tokens = 0;  // attended, and written by an earlier forward
};

class kv_placement {
 public:
  // Both configurations validated before. Plans need no allocation once `out.cache_rows` has grown.
  kv_placement(const generation_config& generation, std::int64_t tokens_per_latent_frame);
  virtual ~kv_placement() = default;

  void plan(kv_pointers at, const kv_call& call, kv_plan& out) const;
  // Slot (in latent frames) that holds what the published layout has in slot `published`.
  [[nodiscard]] virtual std::int64_t slot_of(kv_pointers at, std::int64_t published) const = 0;

  [[nodiscard]] std::int64_t slots() const { return slots_; }  // latent frames in the cache
  [[nodiscard]] std::int64_t sink() const { return sink_; }    // in latent frames
  [[nodiscard]] std::int64_t tokens_per_latent_frame() const { return latent_frame_tokens_; }

 protected:
  // Slot for the latent frame that the published layout puts into slot `published` >= sink().
  [[nodiscard]] virtual std::int64_t slot_beyond_sink(std::int64_t latent_frame,
                                                      std::int64_t published) const = 0;
  [[nodiscard]] virtual bool moves_rows() const = 0;

 private:
  void plan_attention(std::int64_t local_end_tokens, kv_plan& out) const;

  std::int64_t slots_;
  std::int64_t sink_;
  std::int64_t latent_frame_tokens_;
  std::int64_t most_attended_tokens_;
  bool bounded_;  // has a window; otherwise the cache holds the whole clip and never moves
};

[[nodiscard]] std::unique_ptr<kv_placement> make_kv_placement(kv_policy policy,
                                                              const generation_config& generation,
                                                              std::int64_t tokens_per_latent_frame);

}  // namespace longlive
