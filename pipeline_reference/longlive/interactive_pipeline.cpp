#include "pipeline_reference/longlive/interactive_pipeline.hpp"

#include <algorithm>
#include <utility>

#include "latency/events.hpp"
#include "latency/scope.hpp"

namespace longlive {
namespace {

using clock = std::chrono::steady_clock;

constexpr generation_spans interactive_spans = {
    "interactive_text_encoding",        "interactive_kv_cache_init",
    "interactive_block_input_prep",     "interactive_denoising_step",
    "interactive_denoising_step_final", "interactive_timestep_prep",
    "interactive_noise_scheduling",     "interactive_output_recording",
    "interactive_kv_cache_update",      "interactive_context_prep"};

// Pixel frame that latent frame f decodes to first: the first latent frame makes one, others four.
std::int64_t first_pixel_frame(std::int64_t latent_frame) {
  return latent_frame == 0 ? 0 : 4 * latent_frame - 3;
}

// Of the window before latent frame `start`. A sink that is kept takes no new keys, so the latent
// frames that would have given them need not be computed.
std::int64_t recached_latent_frames(const generation_config& g, std::int64_t start) {
  const std::int64_t window = std::min(g.cached_latent_frames(), start);
  const bool sink_is_kept = g.global_sink && window < start;
  return window - (sink_is_kept && g.skips.dropped_sink_queries ? g.sink_latent_frames : 0);
}

// Requests are taken while this lives, and refused afterwards.
class open_requests {
 public:
  explicit open_requests(prompt_requests* requests) : requests_(requests) {
    if (requests_ != nullptr) requests_->begin_clip();
  }
  open_requests(const open_requests&) = delete;
  open_requests& operator=(const open_requests&) = delete;
  ~open_requests() {
    if (requests_ != nullptr) requests_->end_clip();
  }
  void close() const {
    if (requests_ != nullptr) requests_->close();
  }

 private:
  prompt_requests* requests_;
};

const generation_config& validated(const generation_config& generation) {
  generation.validate();
  return generation;
}

}  // namespace

interactive_pipeline::interactive_pipeline(causal_dit& dit, const generation_config& generation,
                                           kv_policy policy, ops::memory& memory,
                                           ops::transformer_ops& ops)
    : generator_(dit, validated(generation), policy, memory, ops, interactive_spans),
      requests_(generation.switch_latent_frames.size()) {}

std::int64_t interactive_pipeline::run(const clip_inputs& inputs, generation_observer& observer,
                                       ops::stream s) {
  const open_requests requests(inputs.requests);
  generator_.start(inputs, observer, s);
  const std::int64_t blocks = generator_.config().blocks();
  std::int64_t segment = 0;
  for (std::int64_t index = 0; index < blocks; ++index) {
    block_info b = generator_.block_at(index, segment, false);
    if (observer.stop_requested()) return b.first_latent_frame;
    note_requests(b, observer);
    const std::optional<due_switch> due = inputs.requests != nullptr
                                              ? requested_switch(b, inputs.requests, observer)
                                              : configured_switch(b);
    if (index + 1 == blocks) requests.close();
    if (due) {
      b.segment = ++segment;
      b.switched = true;
    }
    generator_.run_block(b, [&] {
      if (due) switch_prompt(b, *due, observer, s);
    });
  }
  return generator_.config().latent_frames;
}

std::optional<interactive_pipeline::due_switch> interactive_pipeline::configured_switch(
    const block_info& b) const {
  const std::vector<std::int64_t>& switches = generator_.config().switch_latent_frames;
  const auto next = static_cast<std::size_t>(b.segment);
  if (next >= switches.size() || b.first_latent_frame < switches[next]) return std::nullopt;
  return due_switch{switches[next], requests_[next], nullptr};
}

std::optional<interactive_pipeline::due_switch> interactive_pipeline::requested_switch(
    const block_info& b, prompt_requests* requests, generation_observer& observer) {
  std::optional<prompt_request> taken = requests->take();
  if (!taken) return std::nullopt;
  const due_switch due{b.first_latent_frame, taken->requested, requests};
  observer.request_taken(b.segment + 1, b.first_latent_frame, std::move(*taken));
  return due;
}

// A configured switch counts as requested when the block that holds its latent frame is next.
void interactive_pipeline::note_requests(const block_info& b, generation_observer& observer) {
  const std::vector<std::int64_t>& switches = generator_.config().switch_latent_frames;
  for (std::size_t i = 0; i < switches.size(); ++i) {
    if (switches[i] < b.first_latent_frame || switches[i] >= b.first_latent_frame + b.latent_frames)
      continue;
    requests_[i] = latency::stamp();
    observer.switch_requested(static_cast<std::int64_t>(i) + 1, switches[i]);
  }
}

void interactive_pipeline::switch_prompt(const block_info& b, const due_switch& due,
                                         generation_observer& observer, ops::stream s) {
  const generation_config& g = generator_.config();
  kv_cache& kv = generator_.self_cache();
  cross_attention_cache& cross = generator_.cross_cache();
  switch_info info{b.segment, b.index, due.requested_latent_frame, b.first_latent_frame,
                   recached_latent_frames(g, b.first_latent_frame)};
  const clock::time_point begin = clock::now();
  clock::time_point stage_begin = begin;
  const auto stage_done = [&](switch_stage stage) {
    observer.switch_stage_finished(info, stage, clock::now() - stage_begin);
    stage_begin = clock::now();
  };
  latency::scope total{"prompt_switch_total",
                       {"segment", b.segment},
                       {"block", b.index},
                       {"latent_frame", b.first_latent_frame}};
  observer.switch_started(info);
  stage_begin = clock::now();
  if (due.requests != nullptr) {
    const latency::scope span{
        "prompt_switch_text_wait", {"segment", b.segment}, {"block", b.index}};
    generator_.use_requested_prompt(*due.requests, b);
  }
  if (due.requests != nullptr) stage_done(switch_stage::text_wait);
  if (!g.global_sink) {
    const latency::scope span{"prompt_switch_kv_reset",
                              {"bytes", kv.bytes()},
                              {"segment", b.segment},
                              {"block", b.index}};
    kv.zero(s);
  }
  {
    const latency::scope span{"prompt_switch_crossattn_reset",
                              {"bytes", cross.bytes()},
                              {"segment", b.segment},
                              {"block", b.index}};
    cross.reset(s);
  }
  stage_done(switch_stage::cache_reset);
  if (info.recached_latent_frames > 0) {
    const std::int64_t first = info.first_recached_latent_frame();
    {
      const latency::scope span{"prompt_switch_recache_setup",
                                {"latent_frames", info.recached_latent_frames},
                                {"latent_frame", first},
                                {"segment", b.segment},
                                {"block", b.index}};
      generator_.plan_clean(first, info.recached_latent_frames, !g.global_sink);
      generator_.build_block_mask(info.recached_latent_frames);
    }
    stage_done(switch_stage::recache_setup);
    {
      const latency::scope span{"prompt_switch_recache",
                                {"latent_frames", info.recached_latent_frames},
                                {"latent_frame", first},
                                {"segment", b.segment},
                                {"block", b.index}};
      generator_.cache_clean(first, info.recached_latent_frames, b);
    }
    stage_done(switch_stage::recache_forward);
    const latency::scope span{"prompt_switch_final_reset",
                              {"bytes", cross.bytes()},
                              {"segment", b.segment},
                              {"block", b.index}};
    cross.reset(s);
  }
  latency::prompt_switch row;
  row.span = total.id();
  row.segment = static_cast<std::int32_t>(info.segment);
  row.block = static_cast<std::int32_t>(info.block);
  row.requested_latent_frame = static_cast<std::int32_t>(info.requested_latent_frame);
  row.latent_frame = static_cast<std::int32_t>(info.latent_frame);
  row.recached_latent_frames = static_cast<std::int32_t>(info.recached_latent_frames);
  row.first_pixel_frame = static_cast<std::int32_t>(first_pixel_frame(info.latent_frame));
  latency::record(row, due.requested);
  total.close();
  observer.switch_finished(info, clock::now() - begin);
}

}  // namespace longlive
