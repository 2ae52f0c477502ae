#include "pipeline_reference/longlive/single_prompt_pipeline.hpp"

#include "latency/error.hpp"

namespace longlive {
namespace {

constexpr generation_spans single_prompt_spans = {
    "text_encoding",        "kv_cache_init",        "block_input_preparation", "denoising_step",
    "denoising_step_final", "timestep_preparation", "noise_scheduling",        "output_recording",
    "kv_cache_update",      "context_timestep_prep"};

const generation_config& validated_single(const generation_config& generation) {
  generation.validate();
  if (!generation.switch_latent_frames.empty())
    throw latency::error("", "switch_frame_indices",
                         "the single-prompt loop has no prompt switches");
  return generation;
}

}  // namespace

single_prompt_pipeline::single_prompt_pipeline(causal_dit& dit, const generation_config& generation,
                                               kv_policy policy, ops::memory& memory,
                                               ops::transformer_ops& ops)
    : generator_(dit, validated_single(generation), policy, memory, ops, single_prompt_spans) {}

std::int64_t single_prompt_pipeline::run(const clip_inputs& inputs, generation_observer& observer,
                                         ops::stream s) {
  generator_.start(inputs, observer, s);
  for (std::int64_t index = 0; index < generator_.config().blocks(); ++index) {
    const block_info b = generator_.block_at(index, 0, false);
    if (observer.stop_requested()) return b.first_latent_frame;
    generator_.run_block(b, [] {});
  }
  return generator_.config().latent_frames;
}

}  // namespace longlive
