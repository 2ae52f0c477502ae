#include "pipeline_reference/longlive/generation_engine.hpp"

#include <fmt/format.h>

#include <utility>

#include "latency/error.hpp"
#include "latency/scope.hpp"
#include "pipeline_reference/longlive/prompts.hpp"
#include "pipeline_reference/ops/transfer.hpp"

namespace longlive {
namespace {

bool reads_weights(const reference_settings& r) {
  return r.weights != "random" || r.vae_weights != "random" ||
         (r.encodes_prompts() && r.text_encoder.weights != "random");
}

}  // namespace

generation_engine::generation_engine(const config& settings, loop_kind kind, ops::backend& backend,
                                     const decode_span_names& decode_names,
                                     weight_loading::listener told)
    : settings_(settings), backend_(backend) {
  LATENCY_SCOPE(reads_weights(settings.reference) ? "load_weights" : "build_random_weights");
  weight_loading loading(settings, std::move(told));
  build(kind, decode_names, loading);
  loaded_ = loading.finish();
}

void generation_engine::build(loop_kind kind, const decode_span_names& decode_names,
                              weight_loading& loading) {
  const generation_config& g = settings_.generation;
  const reference_settings& r = settings_.reference;
  if (g.takes_requests) beside_ = backend_.beside();
  if (r.encodes_prompts()) build_prompt_encoder(loading, beside_ ? *beside_ : backend_);
  {
    const dit_weight_sources sources = loading.dit();
    dit_.emplace(settings_.dit, dit_options(g, r.layer_spans), sources.weights(), backend_.memory(),
                 backend_.transformer(), sources.lora());
  }
  if (kind == loop_kind::interactive) {
    interactive_.emplace(*dit_, g, r.kv, backend_.memory(), backend_.transformer());
  } else {
    single_prompt_.emplace(*dit_, g, r.kv, backend_.memory(), backend_.transformer());
  }
  decoder_.emplace(settings_, *loading.vae(), backend_.vae(), backend_.memory(), decode_names);
  if (g.takes_requests) build_requests();
}

void generation_engine::build_requests() {
  ops::memory& memory = beside_->memory();
  const auto encode = [this, &memory](const std::string& text, const ops::tensor& out) {
    written_prompt written;
    if (prompts_) {
      written = prompts_->write(text, out, {});
    } else {
      const prompt_embedding made = seeded_embedding(
          text, settings_.generation.seed, settings_.dit.text_len, settings_.dit.text_dim);
      ops::upload_floats(memory, out, made.rows);
      written.tokens = made.token_count;
    }
    memory.synchronize({});
    return written;
  };
  requests_.emplace(encode,
                    ops::buffer(memory, beside_->transformer().storage(),
                                {settings_.dit.text_len, settings_.dit.text_dim}),
                    "interactive_text_encoding");
}

void generation_engine::build_prompt_encoder(weight_loading& loading, ops::backend& on) {
  const text_encoder_settings& t = settings_.reference.text_encoder;
  const std::string path = resolve_path(settings_, t.tokenizer);
  umt5::tokenizer tokenizer = umt5::tokenizer::open(path);
  if (tokenizer.vocabulary_size() > t.model.vocabulary_size)
    throw latency::error(path, "",
                         fmt::format("has {} token ids, but the text encoder has {} embeddings",
                                     tokenizer.vocabulary_size(), t.model.vocabulary_size));
  prompts_.emplace(std::move(tokenizer),
                   umt5::encoder(t.model, loading.text_encoder(), on.memory(), on.transformer()),
                   on.memory());
}

std::int64_t generation_engine::run(prompt_source& prompts, std::uint64_t seed,
                                    generation_observer& observer) {
  clip_inputs inputs;
  inputs.prompts = &prompts;
  inputs.seed = seed;
  inputs.requests = requests();
  decoder_->begin_clip({});
  return interactive_ ? interactive_->run(inputs, observer) : single_prompt_->run(inputs, observer);
}

latent_batch generation_engine::latents(std::int64_t count) const {
  return {interactive_ ? interactive_->latents() : single_prompt_->latents(), 0, count};
}

}  // namespace longlive
