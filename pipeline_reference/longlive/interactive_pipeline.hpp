#pragma once
// The interactive loop: one prompt per segment; at a prompt switch the cached latent frames are run
// again under the new prompt (KV-recache), and generation goes on from them. Switches are
// configured, or requested at any time by other threads.

#include <cstdint>
#include <optional>
#include <vector>

#include "latency/clock.hpp"
#include "pipeline_reference/longlive/block_generator.hpp"

namespace longlive {

class interactive_pipeline {
 public:
  // Validates the configuration; see block_generator for the rest.
  interactive_pipeline(causal_dit& dit, const generation_config& generation, kv_policy policy,
                       ops::memory& memory, ops::transformer_ops& ops);

  // Generates a clip; inputs.prompts has one entry per segment. A configured switch takes effect at
  // the first block that starts at or after its latent frame, at most one per block; one that was
  // asked for through inputs.requests at the next block that begins. Returns the latent frames
  // made: fewer than configured only when the observer asked to stop.
  std::int64_t run(const clip_inputs& inputs, generation_observer& observer, ops::stream s = {});

  // f32 [samples, latent frames, channels, height, width] in back-end memory, until the next run.
  [[nodiscard]] ops::const_tensor latents() const { return generator_.latents(); }
  [[nodiscard]] kv_cache& self_cache() { return generator_.self_cache(); }
  [[nodiscard]] const std::vector<float>& timesteps() const { return generator_.timesteps(); }

 private:
  // What changes the prompt at the start of a block.
  struct due_switch {
    std::int64_t requested_latent_frame = 0;
    latency::timestamp requested{};
    prompt_requests* requests = nullptr;  // it was taken from there
  };

  void note_requests(const block_info& b, generation_observer& observer);
  [[nodiscard]] std::optional<due_switch> configured_switch(const block_info& b) const;
  [[nodiscard]] std::optional<due_switch> requested_switch(const block_info& b,
                                                           prompt_requests* requests,
                                                           generation_observer& observer);
  void switch_prompt(const block_info& b, const due_switch& due, generation_observer& observer,
                     ops::stream s);

  block_generator generator_;
  std::vector<latency::timestamp> requests_;  // of each configured switch
};

}  // namespace longlive
