#include "pipeline_reference/longlive/causal_dit.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "latency/error.hpp"
#include "latency/scope.hpp"
#include "pipeline_reference/longlive/rope.hpp"
#include "pipeline_reference/ops/transfer.hpp"

namespace longlive {
namespace {

const dit_config& validated(const dit_config& config) {
  config.validate();
  return config;
}

// out = weight * x + bias.
ops::gemm_params product_of(const ops::const_tensor& x, const linear_weights& w,
                            const ops::tensor& out) {
  ops::gemm_params p;
  p.x = x;
  p.weight = w.weight.view();
  p.bias = w.bias.view();
  p.out = out;
  return p;
}

}  // namespace

causal_dit::causal_dit(const dit_config& config, const options& o,
                       const checkpoint::weight_source& weights, ops::memory& memory,
                       ops::transformer_ops& ops, const unmerged_lora* lora)
    : config_(validated(config)),
      memory_(memory),
      ops_(ops),
      most_latent_frames_(o.most_latent_frames),
      samples_(o.samples),
      layer_spans_(o.layer_spans),
      repeats_modulation_(o.repeats_modulation),
      weights_(load_dit_weights(config, weights, memory, ops.storage(), lora)) {
  const std::int64_t tokens = o.samples * o.most_latent_frames * config.tokens_per_latent_frame();
  const auto rows = [&](std::int64_t n, std::int64_t columns) {
    return ops::buffer(memory_, ops_.storage(), {n, columns});
  };
  act_ = {rows(tokens, config.patch_features()),
          rows(tokens, config.dim),
          rows(tokens, config.dim),
          rows(tokens, 3 * config.dim),
          rows(tokens, config.dim),
          rows(tokens, config.dim),
          rows(tokens, config.ffn_dim),
          rows(config.text_len, config.dim),
          {}};
  if (lora != nullptr) act_.low_rank = rows(std::max(tokens, config.text_len), 3 * lora->rank);
  workspace_ = ops::buffer(memory, ops::dtype::u8, {ops.workspace_bytes()});
  prepare_rope(o.latent_frames);
  prepare_timesteps(o.timesteps);
}

void causal_dit::prepare_rope(std::int64_t latent_frames) {
  const rope_pairs pairs = split_rope_pairs(config_.head_dim());
  const auto table = [&](std::int64_t positions, std::int64_t axis_pairs) {
    ops::buffer out(memory_, ops::dtype::f32, {positions, axis_pairs, 2});
    ops::upload_floats(memory_, out.view(), rope_table(positions, axis_pairs));
    return out;
  };
  rope_time_ = table(latent_frames, pairs.time);
  rope_height_ = table(config_.patch_rows(), pairs.height);
  rope_width_ = table(config_.patch_columns(), pairs.width);
}

void causal_dit::prepare_timesteps(const std::vector<float>& timesteps) {
  for (const float t : timesteps)
    if (std::find(timesteps_.begin(), timesteps_.end(), t) == timesteps_.end())
      timesteps_.push_back(t);
  const auto count = static_cast<std::int64_t>(timesteps_.size());
  const auto rows = [&](std::int64_t columns) {
    return ops::buffer(memory_, ops_.storage(), {count, columns});
  };
  time_ = {ops::buffer(memory_, ops::dtype::f32, {count}),
           rows(config_.freq_dim),
           rows(config_.dim),
           rows(config_.dim),
           rows(config_.dim),
           rows(6 * config_.dim)};
  modulation_ = ops::buffer(memory_, ops_.storage(), {config_.layers, count, 6 * config_.dim});
  head_modulation_ = ops::buffer(memory_, ops_.storage(), {2, count, config_.dim});
  ops::upload_floats(memory_, time_.timesteps.view(), timesteps_);
  compute_modulation({});
  memory_.synchronize({});
  if (!repeats_modulation_) time_ = {};
}

void causal_dit::compute_modulation(ops::stream s) {
  const ops::workspace w = workspace_.as_workspace();
  ops_.timestep_embedding({time_.timesteps.view(), time_.waves.view()}, s, w);
  linear(time_.waves.view(), weights_.time_in, time_.hidden.view(), s, ops::activation::silu);
  linear(time_.hidden.view(), weights_.time_out, time_.embedding.view(), s);
  ops_.activate({time_.embedding.view(), time_.activated.view(), ops::activation::silu}, s, w);
  linear(time_.activated.view(), weights_.time_projection, time_.projected.view(), s);
  ops_.broadcast_add({weights_.modulation.view(), time_.projected.view(), modulation_.view()}, s,
                     w);
  ops_.broadcast_add(
      {weights_.head_modulation.view(), time_.embedding.view(), head_modulation_.view()}, s, w);
}

std::int64_t causal_dit::timestep_index(float timestep) const {
  for (std::size_t i = 0; i < timesteps_.size(); ++i)
    if (timesteps_[i] == timestep) return static_cast<std::int64_t>(i);
  throw latency::error("", "timestep", std::to_string(timestep) + " was not prepared");
}

causal_dit::modulation causal_dit::layer_modulation(std::int64_t layer,
                                                    std::int64_t timestep) const {
  const ops::const_tensor six = modulation_.view()[layer].row_range(timestep, 1);
  const auto part = [&](std::int64_t i) { return six.column_range(i * config_.dim, config_.dim); };
  return {part(0), part(1), part(2), part(3), part(4), part(5)};
}

ops::norm_output causal_dit::modulated(const ops::const_tensor& shift,
                                       const ops::const_tensor& scale, std::int64_t tokens) const {
  ops::norm_output norm;
  norm.shift = shift;
  norm.scale = scale;
  norm.rows_per_latent_frame = tokens;  // one timestep: the same row serves every latent frame
  norm.eps = dit_config::eps;
  return norm;
}

void causal_dit::linear(const ops::const_tensor& x, const linear_weights& w, const ops::tensor& out,
                        ops::stream s, ops::activation epilogue) {
  ops::gemm_params p = product_of(x, w, out);
  p.epilogue = w.lora_a ? ops::activation::none : epilogue;
  ops_.gemm(p, s, workspace_.as_workspace());
  if (!w.lora_a) return;
  add_low_rank(x, w, out, s);
  if (epilogue != ops::activation::none)
    ops_.activate({out, out, epilogue}, s, workspace_.as_workspace());
}

void causal_dit::add_linear(const ops::const_tensor& x, const linear_weights& w,
                            const ops::tensor& to, ops::stream s) {
  ops::gemm_params p = product_of(x, w, to);
  p.residual = to;
  ops_.gemm(p, s, workspace_.as_workspace());
  if (w.lora_a) add_low_rank(x, w, to, s);
}

void causal_dit::add_low_rank(const ops::const_tensor& x, const linear_weights& w,
                              const ops::tensor& out, ops::stream s) {
  const std::int64_t rank = w.lora_b.view().columns();
  ops::gemm_params down;
  down.x = x;
  down.weight = w.lora_a.view();
  down.out = act_.low_rank.view().row_range(0, x.rows()).column_range(0, w.parts * rank);
  ops_.gemm(down, s, workspace_.as_workspace());
  const std::int64_t columns = out.columns() / w.parts;
  for (std::int64_t part = 0; part < w.parts; ++part) {
    ops::gemm_params up;
    up.x = down.out.column_range(part * rank, rank);
    up.weight = w.lora_b.view().row_range(part * columns, columns);
    up.out = out.column_range(part * columns, columns);
    up.residual = up.out;
    ops_.gemm(up, s, workspace_.as_workspace());
  }
}

void causal_dit::embed_prompt(const ops::const_tensor& prompt, const ops::tensor& context,
                              ops::stream s) {
  const ops::tensor hidden = act_.text.view().row_range(0, prompt.rows());
  linear(prompt, weights_.text_in, hidden, s, ops::activation::gelu_tanh);
  linear(hidden, weights_.text_out, context, s);
}

void causal_dit::forward(const dit_forward& f, kv_cache& kv, cross_attention_cache& cross,
                         ops::stream s) {
  const auto refuse = [](const char* what, std::int64_t found, std::int64_t most) {
    throw latency::error("", "forward",
                         std::to_string(found) + what + ", at most " + std::to_string(most));
  };
  if (f.latents.count > most_latent_frames_)
    refuse(" latent frames", f.latents.count, most_latent_frames_);
  if (f.latents.samples() > samples_) refuse(" samples", f.latents.samples(), samples_);
  const std::int64_t sample_tokens = f.latents.count * config_.tokens_per_latent_frame();
  const std::int64_t tokens = f.latents.samples() * sample_tokens;
  const std::int64_t timestep = timestep_index(f.timestep);
  const ops::workspace w = workspace_.as_workspace();
  const ops::tensor patches = act_.patches.view().row_range(0, tokens);
  const ops::tensor x = act_.x.view().row_range(0, tokens);
  const ops::tensor normed = act_.normed.view().row_range(0, tokens);

  if (repeats_modulation_) {
    LATENCY_SCOPE("repeated_modulation");
    compute_modulation(s);
  }
  for (std::int64_t sample = 0; sample < f.latents.samples(); ++sample)
    ops_.patchify({f.latents[sample], patches.row_range(sample * sample_tokens, sample_tokens)}, s,
                  w);
  linear(patches, weights_.patch, x, s);

  modulation m = layer_modulation(0, timestep);
  ops_.layer_norm_modulate({x, normed, modulated(m.shift_attention, m.scale_attention, tokens)}, s,
                           w);
  for (std::int64_t layer = 0; layer < config_.layers; ++layer) {
    if (!f.flow && layer + 1 == config_.layers) {
      write_keys(layer, tokens, f.place, kv, s);
      apply_rolled(f.place, kv, s);
      return;
    }
    self_attention(layer, m, tokens, f.place, kv, s);
    cross_attention(layer, m, tokens, f, cross, s);
    // The FFN's residual is fused with the normalisation that follows it: the next layer's or the
    // head's.
    if (layer + 1 < config_.layers) {
      const modulation next = layer_modulation(layer + 1, timestep);
      feed_forward(layer, m, modulated(next.shift_attention, next.scale_attention, tokens), tokens,
                   f.place, s);
      m = next;
    } else {
      const ops::const_tensor shift = head_modulation_.view()[0].row_range(timestep, 1);
      const ops::const_tensor scale = head_modulation_.view()[1].row_range(timestep, 1);
      feed_forward(layer, m, modulated(shift, scale, tokens), tokens, f.place, s);
    }
  }
  cross.set_valid();
  apply_rolled(f.place, kv, s);
  linear(normed, weights_.head, patches, s);
  ops_.unpatchify({patches, f.flow}, s, w);
}

void causal_dit::write_keys(std::int64_t layer, std::int64_t tokens, const forward_place& place,
                            kv_cache& kv, ops::stream s) {
  const dit_layer_weights& weights = weights_.layers[static_cast<std::size_t>(layer)];
  const kv_plan& plan = kv.plan();
  const ops::workspace w = workspace_.as_workspace();
  const ops::tensor qkv = act_.qkv.view().row_range(0, tokens);
  linear(act_.normed.view().row_range(0, tokens), weights.qkv, qkv, s);
  rolled_kv* const rolled = kv.rolled();
  std::optional<latency::scope> write_span;
  open_layer_span(write_span, layer_spans_ && rolled == nullptr, "kv_ring_write", layer, place);
  if (write_span) {
    const std::int64_t token_bytes =  // k and v
        2 * kv.samples() * config_.dim * ops::size_bytes(ops_.storage());
    write_span->add({"bytes", plan.written_tokens * token_bytes});
    write_span->add({"rewritten_tokens", plan.rewritten_tokens});
  }
  ops::qk_norm_rope_cache_write_params p;
  p.qkv = qkv;
  p.q_weight = weights.norm_q.view();
  p.k_weight = weights.norm_k.view();
  p.rope = {rope_time_.view(), rope_height_.view(), rope_width_.view()};
  p.time_positions = kv.time_positions();
  p.cache_rows = kv.cache_rows();
  if (rolled != nullptr) p.cache_rows = rolled->fresh_rows(p.cache_rows.elements());
  p.q_out = act_.projected.view().row_range(0, tokens);
  const key_values into =
      rolled != nullptr ? rolled->fresh(layer) : key_values{kv.k(layer), kv.v(layer)};
  p.k_cache = into.k;
  p.v_cache = into.v;
  p.heads = config_.heads;
  p.rows_per_latent_frame = config_.tokens_per_latent_frame();
  p.eps = dit_config::eps;
  ops_.qk_norm_rope_cache_write(p, s, w);
}

void causal_dit::apply_rolled(const forward_place& place, kv_cache& kv, ops::stream s) {
  rolled_kv* const rolled = kv.rolled();
  if (rolled == nullptr) return;
  for (std::int64_t layer = 0; layer < config_.layers; ++layer)
    rolled->apply({kv.plan(), layer, place, layer_spans_, ops_, s, workspace_.as_workspace()},
                  {kv.k(layer), kv.v(layer)});
}

void causal_dit::self_attention(std::int64_t layer, const modulation& m, std::int64_t tokens,
                                const forward_place& place, kv_cache& kv, ops::stream s) {
  std::optional<latency::scope> span;
  open_layer_span(span, layer_spans_, "self_attention", layer, place);
  const kv_plan& plan = kv.plan();
  if (span) {
    span->add({"attended_tokens", plan.attended_tokens});
    span->add({"reused_tokens", plan.reused_tokens});
  }
  const dit_layer_weights& weights = weights_.layers[static_cast<std::size_t>(layer)];
  const ops::workspace w = workspace_.as_workspace();
  const ops::tensor normed = act_.normed.view().row_range(0, tokens);
  const ops::tensor attended = act_.attended.view().row_range(0, tokens);
  const ops::tensor projected = act_.projected.view().row_range(0, tokens);

  write_keys(layer, tokens, place, kv, s);
  ops::attention_params a;
  a.q = projected;
  a.k = kv.k(layer);
  a.v = kv.v(layer);
  a.keys[0] = plan.attended[0];
  a.keys[1] = plan.attended[1];
  if (rolled_kv* const rolled = kv.rolled()) {
    const key_values window =
        rolled->window({plan, layer, place, layer_spans_, ops_, s, w}, {kv.k(layer), kv.v(layer)});
    a.k = window.k;
    a.v = window.v;
    a.keys[0] = {0, window.k.rows() / kv.samples()};
    a.keys[1] = {};
  }
  a.samples = kv.samples();
  a.out = attended;
  a.heads = config_.heads;
  a.scale = 1.0F / std::sqrt(static_cast<float>(config_.head_dim()));
  ops_.attention(a, s, w);
  linear(attended, weights.o, projected, s);

  ops::norm_output norm3;
  norm3.weight = weights.norm3_weight.view();
  norm3.bias = weights.norm3_bias.view();
  norm3.rows_per_latent_frame = tokens;
  norm3.eps = dit_config::eps;
  ops_.residual_gate_norm_modulate(
      {act_.x.view().row_range(0, tokens), projected, m.gate_attention, normed, norm3}, s, w);
}

void causal_dit::cross_attention(std::int64_t layer, const modulation& m, std::int64_t tokens,
                                 const dit_forward& f, cross_attention_cache& cross,
                                 ops::stream s) {
  std::optional<latency::scope> span;
  open_layer_span(span, layer_spans_, "cross_attention", layer, f.place);
  if (span) {
    span->add({"attended_tokens", f.context.rows()});
    span->add({"reused_tokens", cross.valid() ? f.context.rows() : 0});
  }
  const dit_layer_weights& weights = weights_.layers[static_cast<std::size_t>(layer)];
  const ops::workspace w = workspace_.as_workspace();
  const ops::tensor normed = act_.normed.view().row_range(0, tokens);
  const ops::tensor x = act_.x.view().row_range(0, tokens);
  const ops::tensor q = act_.projected.view().row_range(0, tokens);
  const ops::tensor attended = act_.attended.view().row_range(0, tokens);
  const ops::tensor kv = cross.kv(layer).row_range(0, f.context.rows());
  const ops::tensor k = kv.column_range(0, config_.dim);

  if (!cross.valid()) {
    linear(f.context, weights.cross_kv, kv, s);
    ops_.rms_norm({k, weights.cross_norm_k.view(), k, dit_config::eps}, s, w);
  }
  linear(normed, weights.cross_q, q, s);
  ops_.rms_norm({q, weights.cross_norm_q.view(), q, dit_config::eps}, s, w);
  ops::attention_params a;
  a.q = q;
  a.k = k;
  a.v = kv.column_range(config_.dim, config_.dim);
  a.keys[0] = {0, f.context.rows()};
  a.last_key_count = f.last_context_row_count;
  a.out = attended;
  a.heads = config_.heads;
  a.scale = 1.0F / std::sqrt(static_cast<float>(config_.head_dim()));
  ops_.attention(a, s, w);
  // Without a gate, the product adds to x itself.
  add_linear(attended, weights.cross_o, x, s);
  ops_.layer_norm_modulate({x, normed, modulated(m.shift_ffn, m.scale_ffn, tokens)}, s, w);
}

void causal_dit::feed_forward(std::int64_t layer, const modulation& m, const ops::norm_output& next,
                              std::int64_t tokens, const forward_place& place, ops::stream s) {
  std::optional<latency::scope> span;
  open_layer_span(span, layer_spans_, "ffn", layer, place);
  const dit_layer_weights& weights = weights_.layers[static_cast<std::size_t>(layer)];
  const ops::tensor normed = act_.normed.view().row_range(0, tokens);
  const ops::tensor hidden = act_.ffn.view().row_range(0, tokens);
  const ops::tensor projected = act_.projected.view().row_range(0, tokens);
  linear(normed, weights.ffn_in, hidden, s, ops::activation::gelu_tanh);
  linear(hidden, weights.ffn_out, projected, s);
  ops_.residual_gate_norm_modulate(
      {act_.x.view().row_range(0, tokens), projected, m.gate_ffn, normed, next}, s,
      workspace_.as_workspace());
}

}  // namespace longlive
