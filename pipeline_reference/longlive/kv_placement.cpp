#include "pipeline_reference/longlive/kv_placement.hpp"

#include <algorithm>

namespace longlive {

kv_placement::kv_placement(const generation_config& generation,
                           std::int64_t tokens_per_latent_frame)
    : slots_(generation.cached_latent_frames()),
      sink_(generation.sink_latent_frames),
      latent_frame_tokens_(tokens_per_latent_frame),
      most_attended_tokens_(generation.window_latent_frames < 0
                                ? generation_config::unlimited_attention_tokens
                                : slots_ * tokens_per_latent_frame),
      bounded_(generation.window_latent_frames >= 0) {}

void kv_placement::plan(kv_pointers at, const kv_call& call, kv_plan& out) const {
  const std::int64_t tokens = latent_frame_tokens_;
  const std::int64_t call_end = (call.start_latent_frame + call.latent_frames) * tokens;
  const std::int64_t fresh = call_end - at.global_end_tokens;  // <= 0: all written before
  const bool recompute = fresh <= 0 && call.start_latent_frame > 0;
  const std::int64_t evicted =
      bounded_ && fresh > 0 ? std::max<std::int64_t>(0, call.latent_frames * tokens +
                                                            at.local_end_tokens - slots_ * tokens)
                            : 0;

  const std::int64_t local_end = at.local_end_tokens + fresh - evicted;
  out.after = recompute ? at : kv_pointers{local_end, call_end};

  // What stays after the sink moves down by the evicted tokens. It can be less than nothing, when
  // the window hardly exceeds sink and block: the block then covers part of the sink.
  out.evicted_tokens = evicted;
  out.move_from = sink_ * tokens + evicted;
  out.move_to = sink_ * tokens;
  out.moved_tokens = moves_rows() && evicted > 0
                         ? std::max<std::int64_t>(0, at.local_end_tokens - out.move_from)
                         : 0;

  const std::int64_t first_slot = local_end / tokens - call.latent_frames;  // published layout
  out.cache_rows.resize(static_cast<std::size_t>(call.latent_frames));
  out.written_tokens = 0;
  for (std::int64_t i = 0; i < call.latent_frames; ++i) {
    const std::int64_t published = first_slot + i;
    std::int64_t slot = published;
    if (published < sink_)
      slot = recompute && !call.rewrites_sink ? -1 : published;
    else
      slot = slot_beyond_sink(call.start_latent_frame + i, published);
    out.cache_rows[static_cast<std::size_t>(i)] =
        static_cast<std::int32_t>(slot < 0 ? -1 : slot * tokens);
    if (slot >= 0) out.written_tokens += tokens;
  }
  out.rewritten_tokens = fresh <= 0 ? out.written_tokens : 0;
  plan_attention(local_end, out);
}

// The sink, then the newest rows that the limit leaves room for. Rows are named by the published
// slots; the ring holds the same latent frames in these rows, because a window is either read as a
// whole or (whole clip) kept in time order.
void kv_placement::plan_attention(std::int64_t local_end_tokens, kv_plan& out) const {
  const std::int64_t sink = sink_ * latent_frame_tokens_;
  const std::int64_t newest =
      std::max(sink, local_end_tokens - std::max<std::int64_t>(0, most_attended_tokens_ - sink));
  out.attended[0] = {0, sink};
  out.attended[1] = {newest, std::max(newest, local_end_tokens)};
  if (most_attended_tokens_ <= sink) out.attended[1] = {};
  if (out.attended[0].end == out.attended[1].begin) {
    out.attended[0].end = out.attended[1].end;
    out.attended[1] = {};
  }
  out.attended_tokens = out.attended[0].count() + out.attended[1].count();
  out.reused_tokens = std::max<std::int64_t>(0, out.attended_tokens - out.written_tokens);
}

namespace {

class roll_placement final : public kv_placement {
 public:
  using kv_placement::kv_placement;
  [[nodiscard]] std::int64_t slot_of(kv_pointers, std::int64_t published) const override {
    return published;
  }

 protected:
  [[nodiscard]] std::int64_t slot_beyond_sink(std::int64_t, std::int64_t published) const override {
    return published;
  }
  [[nodiscard]] bool moves_rows() const override { return true; }
};

class ring_placement final : public kv_placement {
 public:
  using kv_placement::kv_placement;
  [[nodiscard]] std::int64_t slot_of(kv_pointers at, std::int64_t published) const override {
    if (published < sink() || published * tokens_per_latent_frame() >= at.local_end_tokens)
      return published;
    const std::int64_t latent_frame =
        (at.global_end_tokens - at.local_end_tokens) / tokens_per_latent_frame() + published;
    return slot_beyond_sink(latent_frame, published);
  }

 protected:
  [[nodiscard]] std::int64_t slot_beyond_sink(std::int64_t latent_frame,
                                              std::int64_t) const override {
    return sink() + (latent_frame - sink()) % (slots() - sink());
  }
  [[nodiscard]] bool moves_rows() const override { return false; }
};

}  // namespace

std::unique_ptr<kv_placement> make_kv_placement(kv_policy policy,
                                                const generation_config& generation,
                                                std::int64_t tokens_per_latent_frame) {
  if (policy == kv_policy::roll)
    return std::make_unique<roll_placement>(generation, tokens_per_latent_frame);
  return std::make_unique<ring_placement>(generation, tokens_per_latent_frame);
}

}  // namespace longlive
