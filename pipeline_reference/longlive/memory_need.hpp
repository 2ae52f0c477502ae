#pragma once
// Whether a device can hold what a configuration asks for.

#include <cstdint>
#include <string>

#include "pipeline_reference/longlive/config.hpp"
#include "pipeline_reference/longlive/generation_engine.hpp"
#include "pipeline_reference/ops/backend.hpp"

namespace longlive {

// Bytes that a run on the CPU cannot do without: the KV cache, the latents of the clip, the
// transformer's activations and, when they are made up and not mapped from a file, the weights of
// the transformer and the text encoder.
[[nodiscard]] std::int64_t least_memory_bytes(const config& c);

// Throws latency::error naming the configuration when this machine has less memory than that. A
// system that lends memory it does not have would let the run begin, and kill it in the middle.
void require_memory(const config& c);

// Bytes that a run allocates on the device of `backend`, by making the model on a back end that
// only counts (random weights in the place of files). Cost: that of making it, without the weights
// of the transformer and the text encoder.
[[nodiscard]] std::int64_t device_memory_bytes(const config& c, loop_kind kind,
                                               ops::backend& backend);

// Throws latency::error naming the configuration when the device has less memory free than that
// and what the driver takes: with what is needed, what is free, and a setting that would fit.
void require_device_memory(const config& c, loop_kind kind, ops::backend& backend);

// The first of the settings that take less memory with which `fits` is true, as "KEY: VALUE": the
// text encoder, the whole-clip decode, the samples, the window; each together with those before
// it. Empty when all of them do not.
template <class Fits>
[[nodiscard]] std::string setting_that_fits(config c, const Fits& fits) {
  generation_config& g = c.generation;
  std::string changed;
  const auto change = [&](const std::string& setting) {
    changed += (changed.empty() ? "" : ", ") + setting;
    return fits(c);
  };
  if (c.reference.encodes_prompts()) {
    c.reference.prompt_embeddings = "seeded";
    if (change("prompt_embeddings: seeded")) return changed;
  }
  if (c.reference.vae == vae_mode::whole_clip) {
    c.reference.vae = vae_mode::streaming;
    if (change("vae_mode: streaming")) return changed;
  }
  const std::string before_samples = changed;
  while (g.samples > 1) {
    --g.samples;
    changed = before_samples;
    if (change("num_samples: " + std::to_string(g.samples))) return changed;
  }
  const std::string before_window = changed;
  const std::int64_t block = g.latent_frames_per_block, sink = g.sink_latent_frames;
  const std::int64_t window = g.cached_latent_frames();
  for (std::int64_t smaller = (window - sink - 1) / block * block; smaller >= block;
       smaller -= block) {
    g.window_latent_frames = sink + smaller;
    changed = before_window;
    if (change("local_attn_size: " + std::to_string(g.window_latent_frames))) return changed;
  }
  return "";
}

}  // namespace longlive
