#pragma once
// The UMT5 text encoder, written once over ops/. Rows of the token embedding are fetched from the
// weight source when a text needs them, so of that table (256384 x 4096 in the published model)
// nothing is kept. One thread at a time.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "pipeline_reference/checkpoint/weight_source.hpp"
#include "pipeline_reference/ops/tensor.hpp"
#include "pipeline_reference/ops/transformer_ops.hpp"
#include "pipeline_reference/umt5/encoder_config.hpp"
#include "pipeline_reference/umt5/encoder_weights.hpp"

namespace umt5 {

class encoder {
 public:
  // Loads everything but the token embedding and allocates all memory. Throws latency::error for an
  // impossible configuration and for weights that do not fit it.
  encoder(const encoder_config& config, std::unique_ptr<const checkpoint::weight_source> weights,
          ops::memory& memory, ops::transformer_ops& ops);

  // Token ids (1 to text_len of them) -> out [text_len, dim] in the back end's storage dtype. Only
  // these tokens are computed; the rows after them are zero, as the published code leaves padding.
  // Throws latency::error for an id outside the vocabulary, or too many ids.
  void encode(std::span<const std::int32_t> ids, const ops::tensor& out, ops::stream s);

  [[nodiscard]] const encoder_config& config() const { return config_; }

 private:
  struct activations {       // rows: tokens
    ops::buffer x;           // [text_len, dim] the residual stream
    ops::buffer normed;      // [text_len, dim]
    ops::buffer qkv;         // [text_len, 3 * attention_dim]
    ops::buffer attended;    // [text_len, attention_dim]
    ops::buffer gate_value;  // [text_len, 2 * ffn_dim]
    ops::buffer bias;        // f32 [heads, text_len, text_len]
  };

  void embed(std::span<const std::int32_t> ids, const ops::tensor& x, ops::stream s);
  void attention(const encoder_layer_weights& w, std::int64_t tokens, ops::stream s);
  void feed_forward(const encoder_layer_weights& w, std::int64_t tokens, ops::stream s);
  // out = x * weight^T, plus the residual where there is one (it may be `out`).
  void linear(const ops::const_tensor& x, const ops::buffer& weight, const ops::tensor& out,
              const ops::const_tensor& residual, ops::stream s);

  encoder_config config_;
  std::unique_ptr<const checkpoint::weight_source> source_;
  ops::memory& memory_;
  ops::transformer_ops& ops_;
  encoder_weights weights_;
  activations act_;
  ops::buffer workspace_;
  std::vector<float> embedded_;  // [text_len, dim], on its way to x
};

}  // namespace umt5
