#pragma once
// A small model with random weights on the CPU back end, for tests of the generation loops.

#include <cstdint>
#include <vector>

#include "pipeline_reference/longlive/causal_dit.hpp"
#include "pipeline_reference/longlive/interactive_pipeline.hpp"
#include "pipeline_reference/ops/cpu/cpu_backend.hpp"
#include "pipeline_reference/ops/random.hpp"
#include "pipeline_reference/ops/transfer.hpp"

namespace longlive_tests {

inline longlive::dit_config tiny_dit() {
  longlive::dit_config c;
  c.dim = 24;
  c.heads = 2;
  c.layers = 2;
  c.ffn_dim = 40;
  c.freq_dim = 16;
  c.text_dim = 12;
  c.text_len = 5;
  c.latent_height = 4;
  c.latent_width = 6;
  return c;
}

inline longlive::generation_config tiny_generation() {
  longlive::generation_config g;
  g.latent_frames = 18;
  g.window_latent_frames = 6;
  g.sink_latent_frames = 1;
  g.denoising_step_list = {1000, 500};
  return g;
}

// Prompt embeddings of `segments` segments, different ones, of 1, 3, 5, 2, 4, 1, ... tokens.
inline std::vector<longlive::prompt_embedding> tiny_prompts(const longlive::dit_config& c,
                                                            std::int64_t segments) {
  std::vector<longlive::prompt_embedding> out;
  for (std::int64_t segment = 0; segment < segments; ++segment) {
    std::vector<float> rows;
    const std::int64_t tokens = 2 * segment % c.text_len + 1;
    for (std::int64_t i = 0; i < tokens * c.text_dim; ++i)
      rows.push_back(ops::random_normals(3, static_cast<std::uint32_t>(segment),
                                         static_cast<std::uint64_t>(i))[0]);
    rows.resize(static_cast<std::size_t>(c.text_len * c.text_dim));  // padding is zero
    out.push_back({tokens, std::move(rows)});
  }
  return out;
}

// What one clip came to, or the samples of a batch one after another.
struct tiny_clip {
  std::vector<float> latents;
  std::vector<float> keys, values;  // of all layers, in the published order of slots
};

inline tiny_clip generate(const longlive::dit_config& dit_config,
                          const longlive::generation_config& g, longlive::kv_policy policy,
                          longlive::generation_observer& observer,
                          const longlive::clip_inputs& inputs = {nullptr, {}, {}, 17}) {
  ops::cpu::cpu_backend backend(2);
  longlive::causal_dit dit(dit_config, longlive::dit_options(g, true),
                           checkpoint::random_weights(1), backend.memory(), backend.transformer());
  longlive::interactive_pipeline pipeline(dit, g, policy, backend.memory(), backend.transformer());
  longlive::given_prompts prompts(backend.memory(), tiny_prompts(dit_config, g.segments()));
  longlive::clip_inputs with_prompts = inputs;
  with_prompts.prompts = &prompts;
  pipeline.run(with_prompts, observer);

  tiny_clip clip;
  clip.latents.resize(static_cast<std::size_t>(pipeline.latents().elements()));
  ops::download_floats(backend.memory(), pipeline.latents(), clip.latents);
  const longlive::kv_cache& kv = pipeline.self_cache();
  const std::int64_t tokens = kv.placement().tokens_per_latent_frame();
  const std::int64_t slots = kv.placement().slots();
  for (std::int64_t sample = 0; sample < g.samples; ++sample)
    for (std::int64_t layer = 0; layer < dit_config.layers; ++layer)
      for (std::int64_t slot = 0; slot < slots; ++slot) {
        const std::int64_t row =
            (sample * slots + kv.placement().slot_of(kv.pointers(), slot)) * tokens;
        const auto append = [&](std::vector<float>& to, const ops::tensor& from) {
          const float* first = from.as<float>() + row * from.columns();
          to.insert(to.end(), first, first + tokens * from.columns());
        };
        append(clip.keys, kv.k(layer));
        append(clip.values, kv.v(layer));
      }
  return clip;
}

}  // namespace longlive_tests
