#include "pipeline_reference/longlive/generation_engine.hpp"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "latency/error.hpp"
#include "latency/scope.hpp"
#include "pipeline_reference/longlive/vae_weights.hpp"

namespace longlive {
namespace {

// Published checkpoints name the transformer's tensors "model.<name>", converted ones "<name>".
std::unique_ptr<checkpoint::weight_source> dit_weight_source(const config& c) {
  if (c.reference.weights == "random")
    return std::make_unique<checkpoint::random_weights>(c.generation.seed);
  checkpoint::tensor_file file =
      checkpoint::tensor_file::open(resolve_path(c, c.reference.weights));
  const std::string prefix = file.contains("model.patch_embedding.weight") ? "model." : "";
  return std::make_unique<checkpoint::file_weights>(
      std::move(file), [&](const std::string& stored) {
        return stored.rfind(prefix, 0) == 0 ? stored.substr(prefix.size()) : stored;
      });
}

std::unique_ptr<checkpoint::weight_source> vae_weight_source(const config& c) {
  if (c.reference.vae_weights == "random")
    return std::make_unique<checkpoint::random_weights>(c.generation.seed);
  return std::make_unique<checkpoint::file_weights>(
      open_vae_weights(resolve_path(c, c.reference.vae_weights), c.reference.vae_dim));
}

std::unique_ptr<checkpoint::weight_source> text_encoder_weight_source(const config& c) {
  const std::string& weights = c.reference.text_encoder.weights;
  if (weights == "random") return std::make_unique<checkpoint::random_weights>(c.generation.seed);
  return std::make_unique<checkpoint::file_weights>(
      checkpoint::tensor_file::open(resolve_path(c, weights)));
}

bool reads_weights(const reference_settings& r) {
  return r.weights != "random" || r.vae_weights != "random" ||
         (r.encodes_prompts() && r.text_encoder.weights != "random");
}

}  // namespace

generation_engine::generation_engine(const config& settings, loop_kind kind,
                                     const decode_span_names& decode_names)
    : settings_(settings) {
  LATENCY_SCOPE(reads_weights(settings.reference) ? "load_weights" : "build_random_weights");
  build(kind, decode_names);
}

void generation_engine::build(loop_kind kind, const decode_span_names& decode_names) {
  const generation_config& g = settings_.generation;
  const reference_settings& r = settings_.reference;
  if (r.encodes_prompts()) build_prompt_encoder();
  dit_.emplace(settings_.dit, dit_options(g, r.layer_spans), *dit_weight_source(settings_),
               backend_.memory(), backend_.transformer());
  if (kind == loop_kind::interactive) {
    interactive_.emplace(*dit_, g, r.kv, backend_.memory(), backend_.transformer());
  } else {
    single_prompt_.emplace(*dit_, g, r.kv, backend_.memory(), backend_.transformer());
  }
  decoder_.emplace(settings_, *vae_weight_source(settings_), backend_.vae(), backend_.memory(),
                   decode_names);
}

void generation_engine::build_prompt_encoder() {
  const text_encoder_settings& t = settings_.reference.text_encoder;
  const std::string path = resolve_path(settings_, t.tokenizer);
  umt5::tokenizer tokenizer = umt5::tokenizer::open(path);
  if (tokenizer.vocabulary_size() > t.model.vocabulary_size)
    throw latency::error(path, "",
                         fmt::format("has {} token ids, but the text encoder has {} embeddings",
                                     tokenizer.vocabulary_size(), t.model.vocabulary_size));
  prompts_.emplace(std::move(tokenizer),
                   umt5::encoder(t.model, text_encoder_weight_source(settings_), backend_.memory(),
                                 backend_.transformer()),
                   backend_.memory());
}

std::int64_t generation_engine::run(prompt_source& prompts, std::uint64_t seed,
                                    generation_observer& observer) {
  clip_inputs inputs;
  inputs.prompts = &prompts;
  inputs.seed = seed;
  decoder_->begin_clip({});
  return interactive_ ? interactive_->run(inputs, observer) : single_prompt_->run(inputs, observer);
}

ops::const_tensor generation_engine::latents(std::int64_t count) const {
  ops::const_tensor all = interactive_ ? interactive_->latents() : single_prompt_->latents();
  all.shape.size[0] = count;
  return all;
}

}  // namespace longlive
