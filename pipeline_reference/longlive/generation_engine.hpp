#pragma once
// The model of a configuration, ready to generate clips on a back end: weights, text encoder,
// transformer, loop and video decoder.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "pipeline_reference/longlive/causal_dit.hpp"
#include "pipeline_reference/longlive/clip_decoder.hpp"
#include "pipeline_reference/longlive/config.hpp"
#include "pipeline_reference/longlive/interactive_pipeline.hpp"
#include "pipeline_reference/longlive/prompt_encoder.hpp"
#include "pipeline_reference/longlive/prompt_requests.hpp"
#include "pipeline_reference/longlive/prompt_source.hpp"
#include "pipeline_reference/longlive/single_prompt_pipeline.hpp"
#include "pipeline_reference/longlive/weight_loading.hpp"
#include "pipeline_reference/ops/backend.hpp"

namespace longlive {

enum class loop_kind { interactive, single_prompt };

// One clip after another, one thread at a time.
class generation_engine {
 public:
  // Loads or makes the weights, in a span load_weights or build_random_weights, and allocates all
  // memory. Keeps references to `settings` and `backend`. Throws latency::error for weights that do
  // not fit. `told` hears of every read from a file.
  generation_engine(const config& settings, loop_kind kind, ops::backend& backend,
                    const decode_span_names& decode_names, weight_loading::listener told = {});

  // Generates a clip, or as many as there are samples, and returns the latent frames made of each.
  // `seed` is that of the noise of the first.
  std::int64_t run(prompt_source& prompts, std::uint64_t seed, generation_observer& observer);
  // The first `count` of what run() made.
  [[nodiscard]] latent_batch latents(std::int64_t count) const;

  [[nodiscard]] clip_decoder& decoder() { return *decoder_; }
  // Where the configuration takes requests.
  [[nodiscard]] prompt_requests* requests() { return requests_ ? &*requests_ : nullptr; }
  // When the configuration says that prompts are encoded; only while nothing is requested.
  [[nodiscard]] prompt_encoder& prompts() { return *prompts_; }
  [[nodiscard]] ops::memory& memory() { return backend_.memory(); }
  // What came from files, in the order of their opening.
  [[nodiscard]] const std::vector<loaded_file>& loaded() const { return loaded_; }

 private:
  void build(loop_kind kind, const decode_span_names& decode_names, weight_loading& loading);
  void build_prompt_encoder(weight_loading& loading, ops::backend& on);
  // Requested prompts are encoded on a thread and a stream of their own.
  void build_requests();

  const config& settings_;
  std::vector<loaded_file> loaded_;
  ops::backend& backend_;
  std::unique_ptr<ops::backend> beside_;  // encodes requested prompts
  std::optional<prompt_encoder> prompts_;
  std::optional<prompt_requests> requests_;
  std::optional<causal_dit> dit_;
  std::optional<interactive_pipeline> interactive_;
  std::optional<single_prompt_pipeline> single_prompt_;
  std::optional<clip_decoder> decoder_;
};

}  // namespace longlive
