#pragma once
// What the interactive and the single-prompt loop share: the state of one clip, and the denoising
// of one block after another. All memory is allocated at construction; a block allocates nothing.

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "latency/events.hpp"
#include "latency/recording.hpp"
#include "latency/scope.hpp"
#include "pipeline_reference/longlive/causal_dit.hpp"
#include "pipeline_reference/longlive/dit_config.hpp"
#include "pipeline_reference/longlive/flow_matching_scheduler.hpp"
#include "pipeline_reference/longlive/generation_observer.hpp"
#include "pipeline_reference/longlive/kv_cache.hpp"
#include "pipeline_reference/longlive/prompt_requests.hpp"
#include "pipeline_reference/longlive/prompt_source.hpp"
#include "pipeline_reference/ops/tensor.hpp"
#include "pipeline_reference/ops/transformer_ops.hpp"

namespace longlive {

// Names of a loop's spans; static strings.
struct generation_spans {
  const char* text_encoding;
  const char* cache_init;
  const char* block_input_prep;
  const char* denoising_step;
  const char* denoising_step_final;
  const char* timestep_prep;
  const char* noise_scheduling;
  const char* output_recording;
  const char* kv_cache_update;
  const char* context_prep;
};

// What a clip, or a batch of them, is made from; read while it is generated. Samples have their
// prompts in common: only their noise tells them apart, that of sample i drawn from `seed` + i.
struct clip_inputs {
  prompt_source* prompts = nullptr;  // one per segment; the first one where they are requested
  // [samples, latent frames, channels, height, width], or empty: drawn.
  std::span<const float> noise;
  // [blocks * (steps - 1), samples, latent frames per block, ...] in the order of use, or empty:
  // drawn.
  std::span<const float> renoise;
  std::uint64_t seed = 0;
  // Prompts that are asked for meanwhile, where the configuration takes requests.
  prompt_requests* requests = nullptr;
};

// Options of a transformer that serves this generation.
[[nodiscard]] causal_dit::options dit_options(const generation_config& generation,
                                              bool layer_spans);

// The embedding of a prompt, as attention takes it.
struct prompt_context {
  ops::tensor rows;                 // [., dim]
  std::int64_t last_row_count = 1;  // it stands for so many identical ones
};

class block_generator {
 public:
  // Configuration validated before; `dit` made with dit_options() and outliving this.
  // Throws latency::error when memory runs out.
  block_generator(causal_dit& dit, const generation_config& generation, kv_policy policy,
                  ops::memory& memory, ops::transformer_ops& ops, const generation_spans& spans);

  // A new clip: encodes the prompts, resets the caches, fetches or draws the noise. Keeps a
  // reference to `observer`. Throws latency::error when the inputs do not fit the configuration.
  void start(const clip_inputs& inputs, generation_observer& observer, ops::stream s);
  // Makes block `b` inside its span: prepare(), then the denoising steps under the segment's
  // prompt, then the context pass.
  template <class Prepare>
  void run_block(const block_info& b, const Prepare& prepare) {
    observer_->block_started(b);
    const auto begin = std::chrono::steady_clock::now();
    {
      const latency::scope span{"temporal_block",
                                {"block", b.index},
                                {"segment", b.segment},
                                {"latent_frame", b.first_latent_frame},
                                {"latent_frames", b.latent_frames}};
      const latency::block row = block_row(b, span.id());
      prepare();
      denoise(b);
      refresh_context(b);
      latency::record(row);
    }
    observer_->block_finished(b, latents(b.first_latent_frame, b.latent_frames), stream_,
                              std::chrono::steady_clock::now() - begin);
  }
  // Forward over latent frames that are done, at the context timestep and under b's prompt, for
  // its keys and values only. plan_clean() first decides where these go.
  void plan_clean(std::int64_t start_latent_frame, std::int64_t latent_frames, bool rewrites_sink);
  void cache_clean(std::int64_t start_latent_frame, std::int64_t latent_frames,
                   const block_info& b);

  // The mask that the published recache builds and does not use, unless that is left out.
  void build_block_mask(std::int64_t latent_frames);
  // What was taken from `requests` becomes the prompt of b's segment. Waits for its encoding, and
  // then for the stream.
  void use_requested_prompt(prompt_requests& requests, const block_info& b);

  [[nodiscard]] block_info block_at(std::int64_t index, std::int64_t segment, bool switched) const;
  // f32 [samples, latent frames of the clip, channels, height, width]
  [[nodiscard]] ops::const_tensor latents() const { return latents_.view(); }
  [[nodiscard]] latent_batch latents(std::int64_t first, std::int64_t count) const;
  [[nodiscard]] kv_cache& self_cache() { return kv_; }
  [[nodiscard]] cross_attention_cache& cross_cache() { return cross_; }
  [[nodiscard]] const std::vector<float>& timesteps() const { return timesteps_; }
  [[nodiscard]] const generation_config& config() const { return generation_; }

 private:
  void check(const clip_inputs& inputs) const;
  void encode_prompts(prompt_source& prompts);
  [[nodiscard]] std::int64_t slot_of(std::int64_t segment) const;
  [[nodiscard]] ops::tensor prompt_of(std::int64_t segment) const;
  [[nodiscard]] prompt_context context_of(std::int64_t segment) const;
  void embed_prompt(std::int64_t segment, std::int64_t tokens);
  [[nodiscard]] std::int64_t padded_mask_tokens(std::int64_t latent_frames) const;
  [[nodiscard]] latency::block block_row(const block_info& b, latency::span_id span) const;
  void denoise(const block_info& b);
  void refresh_context(const block_info& b);
  void renoise(const block_info& b, std::int64_t step);
  void run_forward(const latent_batch& latents, float timestep, const block_info& b,
                   std::int64_t step, std::int64_t start_latent_frame);

  causal_dit& dit_;
  generation_config generation_;
  ops::memory& memory_;
  ops::transformer_ops& ops_;
  generation_spans spans_;
  std::vector<float> timesteps_, sigmas_;  // of the denoising steps
  float context_timestep_;

  kv_cache kv_;
  cross_attention_cache cross_;
  ops::buffer workspace_;
  ops::buffer prompts_;                      // [configured segments, text_len, text_dim]
  std::vector<std::int64_t> prompt_tokens_;  // of each
  ops::buffer contexts_;                     // [configured segments, text_len, dim]
  ops::buffer noise_;                        // [samples, latent frames, C, H, W]; f32, as all below
  ops::buffer latents_;                      // likewise
  ops::buffer x_;                            // [samples, latent frames per block, C, H, W]
  ops::buffer eps_;                          // likewise
  ops::buffer flow_;                         // [samples * most latent frames of a forward, C, H, W]
  ops::buffer mask_;  // u8, where the unused mask of a recache is not left out

  clip_inputs inputs_;
  generation_observer* observer_ = nullptr;
  ops::stream stream_;
  std::int64_t forwards_ = 0;
  std::int64_t draws_ = 0;  // of renoise, one per block and step
};

}  // namespace longlive
