#pragma once
// The causal diffusion transformer of LongLive (Wan2.1-T2V architecture), written once over ops/.
//
// Owns its weights and activations, all allocated at construction; holds no state of a clip, which
// lives in the two caches. What depends only on the timestep (its embedding and the modulation of
// every layer) is computed at construction for the timesteps given there, or at every forward as
// published; what depends only on the prompt, in embed_prompt(). One thread at a time.

#include <cstdint>
#include <vector>

#include "pipeline_reference/checkpoint/weight_source.hpp"
#include "pipeline_reference/longlive/dit_config.hpp"
#include "pipeline_reference/longlive/dit_weights.hpp"
#include "pipeline_reference/longlive/kv_cache.hpp"
#include "pipeline_reference/longlive/latent_batch.hpp"
#include "pipeline_reference/longlive/layer_span.hpp"
#include "pipeline_reference/ops/tensor.hpp"
#include "pipeline_reference/ops/transformer_ops.hpp"

namespace longlive {

struct dit_forward {
  latent_batch latents;       // F latent frames of every sample
  float timestep = 0;         // of every latent frame; one of those given at construction
  ops::const_tensor context;  // [1 to text_len, dim], from embed_prompt(); of every sample
  // f32 [samples * F, channels, height, width]; absent: only the keys and values are wanted, and
  // nothing is computed that no later forward reads.
  ops::tensor flow;
  forward_place place;
  std::int64_t last_context_row_count = 1;  // identical rows that the last of context stands for
};

class causal_dit {
 public:
  struct options {
    std::int64_t most_latent_frames = 12;  // of one sample in one forward
    std::int64_t samples = 1;
    std::int64_t latent_frames = 240;  // of a clip
    std::vector<float> timesteps;      // that forwards will use
    bool layer_spans = false;          // record one span per attention, FFN and KV write
    bool repeats_modulation = false;   // compute it anew at every forward, as published
  };

  // Throws latency::error for an impossible configuration and for weights that do not fit it. With
  // `lora`, each adapted layer takes two more products per call, as published.
  causal_dit(const dit_config& config, const options& o, const checkpoint::weight_source& weights,
             ops::memory& memory, ops::transformer_ops& ops, const unmerged_lora* lora = nullptr);

  // prompt [n, text_dim] (rows after the last token zero) -> context [n, dim], n at most text_len,
  // both in the back end's storage dtype.
  void embed_prompt(const ops::const_tensor& prompt, const ops::tensor& context, ops::stream s);

  // Flow of F latent frames of each sample of `kv`, after kv.begin() for them. Tokens are rows: a
  // sample's after another's, so that only attention to `kv` tells them apart. Writes their keys
  // and values to `kv`; fills `cross` when it is not valid (all layers of it, so that it becomes
  // valid, when there is a flow). The caller commits `kv`. Throws latency::error for a timestep
  // that was not prepared, or too many latent frames.
  void forward(const dit_forward& f, kv_cache& kv, cross_attention_cache& cross, ops::stream s);

  [[nodiscard]] const dit_config& config() const { return config_; }

 private:
  struct modulation {  // views [1, dim]
    ops::const_tensor shift_attention, scale_attention, gate_attention, shift_ffn, scale_ffn,
        gate_ffn;
  };
  struct activations {      // rows: tokens of one forward
    ops::buffer patches;    // [., 4 * channels]
    ops::buffer x;          // [., dim] the residual stream
    ops::buffer normed;     // [., dim]
    ops::buffer qkv;        // [., 3 * dim]
    ops::buffer attended;   // [., dim]
    ops::buffer projected;  // [., dim]
    ops::buffer ffn;        // [., ffn_dim]
    ops::buffer text;       // [text_len, dim]
    ops::buffer low_rank;   // [., 3 * rank] with unmerged LoRA, text_len rows at least
  };

  void prepare_timesteps(const std::vector<float>& timesteps);
  void compute_modulation(ops::stream s);
  void prepare_rope(std::int64_t latent_frames);
  [[nodiscard]] std::int64_t timestep_index(float timestep) const;
  [[nodiscard]] modulation layer_modulation(std::int64_t layer, std::int64_t timestep) const;
  [[nodiscard]] ops::norm_output modulated(const ops::const_tensor& shift,
                                           const ops::const_tensor& scale,
                                           std::int64_t tokens) const;

  // Projects, and writes keys and values into the cache, or where the roll takes them from.
  void write_keys(std::int64_t layer, std::int64_t tokens, const forward_place& place, kv_cache& kv,
                  ops::stream s);
  // The roll's delayed update of the cache, when all layers have left their keys and values.
  void apply_rolled(const forward_place& place, kv_cache& kv, ops::stream s);
  void self_attention(std::int64_t layer, const modulation& m, std::int64_t tokens,
                      const forward_place& place, kv_cache& kv, ops::stream s);
  void cross_attention(std::int64_t layer, const modulation& m, std::int64_t tokens,
                       const dit_forward& f, cross_attention_cache& cross, ops::stream s);
  void feed_forward(std::int64_t layer, const modulation& m, const ops::norm_output& next,
                    std::int64_t tokens, const forward_place& place, ops::stream s);
  void linear(const ops::const_tensor& x, const linear_weights& w, const ops::tensor& out,
              ops::stream s, ops::activation epilogue = ops::activation::none);
  // to += weight * x + bias, in place.
  void add_linear(const ops::const_tensor& x, const linear_weights& w, const ops::tensor& to,
                  ops::stream s);
  // out += scale * B (A x), in place.
  void add_low_rank(const ops::const_tensor& x, const linear_weights& w, const ops::tensor& out,
                    ops::stream s);

  dit_config config_;
  ops::memory& memory_;
  ops::transformer_ops& ops_;
  std::int64_t most_latent_frames_;
  std::int64_t samples_;
  bool layer_spans_;
  bool repeats_modulation_;
  dit_weights weights_;
  activations act_;
  ops::buffer workspace_;
  ops::buffer rope_time_, rope_height_, rope_width_;
  std::vector<float> timesteps_;
  struct timestep_rows {                       // one for each timestep
    ops::buffer timesteps;                     // f32 [.]
    ops::buffer waves;                         // [., freq_dim]
    ops::buffer hidden, embedding, activated;  // [., dim]
    ops::buffer projected;                     // [., 6 * dim]
  };
  timestep_rows time_;           // kept where modulation is computed at every forward
  ops::buffer modulation_;       // [layers, timesteps, 6 * dim]
  ops::buffer head_modulation_;  // [2, timesteps, dim]
};

}  // namespace longlive
