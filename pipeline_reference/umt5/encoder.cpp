#include "pipeline_reference/umt5/encoder.hpp"

#include <fmt/format.h>

#include <utility>

#include "latency/error.hpp"
#include "pipeline_reference/ops/transfer.hpp"

namespace umt5 {
namespace {

const encoder_config& validated(const encoder_config& config) {
  config.validate();
  return config;
}

}  // namespace

encoder::encoder(const encoder_config& config,
                 std::unique_ptr<const checkpoint::weight_source> weights, ops::memory& memory,
                 ops::transformer_ops& ops)
    : config_(validated(config)),
      source_(std::move(weights)),
      memory_(memory),
      ops_(ops),
      weights_(load_encoder_weights(config, *source_, memory, ops)),
      workspace_(memory, ops::dtype::u8, {ops.workspace_bytes()}),
      embedded_(static_cast<std::size_t>(config.text_len * config.dim)) {
  const auto rows = [&](std::int64_t columns) {
    return ops::buffer(memory_, ops_.storage(), {config.text_len, columns});
  };
  act_ = {rows(config.dim),
          rows(config.dim),
          rows(3 * config.attention_dim),
          rows(config.attention_dim),
          rows(2 * config.ffn_dim),
          {memory_, ops::dtype::f32, {config.heads, config.text_len, config.text_len}}};
}

void encoder::encode(std::span<const std::int32_t> ids, const ops::tensor& out, ops::stream s) {
  const auto tokens = static_cast<std::int64_t>(ids.size());
  if (tokens < 1 || tokens > config_.text_len)
    throw latency::error(
        "", "text encoder",
        fmt::format("expected 1 to {} tokens, found {}", config_.text_len, tokens));
  const ops::workspace w = workspace_.as_workspace();
  const ops::tensor x = act_.x.view().row_range(0, tokens);
  const ops::tensor normed = act_.normed.view().row_range(0, tokens);
  embed(ids, x, s);
  for (const encoder_layer_weights& layer : weights_.layers) {
    ops_.rms_norm({x, layer.norm1.view(), normed, encoder_config::eps}, s, w);
    attention(layer, tokens, s);
    ops_.rms_norm({x, layer.norm2.view(), normed, encoder_config::eps}, s, w);
    feed_forward(layer, tokens, s);
  }
  ops_.rms_norm({x, weights_.norm.view(), out.row_range(0, tokens), encoder_config::eps}, s, w);
  const ops::tensor padding = out.row_range(tokens, config_.text_len - tokens);
  memory_.zero(padding.data, padding.bytes(), s);
}

void encoder::embed(std::span<const std::int32_t> ids, const ops::tensor& x, ops::stream s) {
  const std::span<float> rows = std::span(embedded_).first(static_cast<std::size_t>(x.elements()));
  const auto columns = static_cast<std::size_t>(config_.dim);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= config_.vocabulary_size)
      throw latency::error("", "text encoder",
                           fmt::format("token id {} lies outside the vocabulary of {}", ids[i],
                                       config_.vocabulary_size));
    source_->read_rows("token_embedding.weight", std::array{config_.vocabulary_size, config_.dim},
                       ids[i], rows.subspan(i * columns, columns));
  }
  ops::upload_floats(memory_, x, rows, s);
}

void encoder::linear(const ops::const_tensor& x, const ops::buffer& weight, const ops::tensor& out,
                     const ops::const_tensor& residual, ops::stream s) {
  ops::gemm_params p;
  p.x = x;
  p.weight = weight.view();
  p.out = out;
  p.residual = residual;
  ops_.gemm(p, s, workspace_.as_workspace());
}

// x += Wo * softmax(q k^T + bias) v: no scaling, and a bias by distance for each head.
void encoder::attention(const encoder_layer_weights& weights, std::int64_t tokens, ops::stream s) {
  const ops::workspace w = workspace_.as_workspace();
  const std::int64_t dim = config_.attention_dim;
  const ops::tensor x = act_.x.view().row_range(0, tokens);
  const ops::tensor qkv = act_.qkv.view().row_range(0, tokens);
  const ops::tensor attended = act_.attended.view().row_range(0, tokens);
  const ops::tensor bias(act_.bias.view().data, ops::dtype::f32, {config_.heads, tokens, tokens});

  linear(act_.normed.view().row_range(0, tokens), weights.qkv, qkv, {}, s);
  ops_.relative_bias({weights.bias_by_distance.view(), bias}, s, w);
  ops::attention_params a;
  a.q = qkv.column_range(0, dim);
  a.k = qkv.column_range(dim, dim);
  a.v = qkv.column_range(2 * dim, dim);
  a.keys[0] = {0, tokens};
  a.bias = bias;
  a.out = attended;
  a.heads = config_.heads;
  ops_.attention(a, s, w);
  linear(attended, weights.o, x, x, s);
}

// x += Wfc2 * (gelu(Wgate * n) * Wfc1 * n)
void encoder::feed_forward(const encoder_layer_weights& weights, std::int64_t tokens,
                           ops::stream s) {
  const ops::tensor x = act_.x.view().row_range(0, tokens);
  const ops::tensor both = act_.gate_value.view().row_range(0, tokens);
  const ops::tensor gate = both.column_range(0, config_.ffn_dim);
  const ops::tensor value = both.column_range(config_.ffn_dim, config_.ffn_dim);
  linear(act_.normed.view().row_range(0, tokens), weights.gate_fc1, both, {}, s);
  ops_.gated_activation({gate, value, gate, ops::activation::gelu_tanh}, s,
                        workspace_.as_workspace());
  linear(gate, weights.fc2, x, x, s);
}

}  // namespace umt5
