#pragma once
// The standard loop: one prompt for the whole clip.

#include <cstdint>
#include <vector>

#include "pipeline_reference/longlive/block_generator.hpp"

namespace longlive {

class single_prompt_pipeline {
 public:
  // Validates the configuration, which must have no switches; see block_generator for the rest.
  single_prompt_pipeline(causal_dit& dit, const generation_config& generation, kv_policy policy,
                         ops::memory& memory, ops::transformer_ops& ops);

  // Generates a clip from inputs.prompts[0]. Returns the latent frames made: fewer than configured
  // only when the observer asked to stop.
  std::int64_t run(const clip_inputs& inputs, generation_observer& observer, ops::stream s = {});

  // f32 [latent frames, channels, height, width] in back-end memory, until the next run.
  [[nodiscard]] ops::const_tensor latents() const { return generator_.latents(); }
  [[nodiscard]] kv_cache& self_cache() { return generator_.self_cache(); }
  [[nodiscard]] const std::vector<float>& timesteps() const { return generator_.timesteps(); }

 private:
  block_generator generator_;
};

}  // namespace longlive
