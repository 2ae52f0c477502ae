#pragma once
// The transformer's weights in a back end's memory and dtype, merged for the operations that use
// them: q, k, v in one matrix; k, v of cross-attention in one.

#include <cstdint>
#include <vector>

#include "pipeline_reference/checkpoint/weight_source.hpp"
#include "pipeline_reference/longlive/dit_config.hpp"
#include "pipeline_reference/ops/tensor.hpp"

namespace longlive {

// A linear layer, or `parts` of one shape whose outputs follow each other.
struct linear_weights {
  ops::buffer weight;  // [out, in]
  ops::buffer bias;    // [out]
  // Unmerged low-rank additions, scale included; absent where there are none.
  ops::buffer lora_a;  // [parts * rank, in]
  ops::buffer lora_b;  // [out, rank]
  std::int64_t parts = 1;
};

// LoRA that stays beside the weights: y = W x + b + scale * B (A x).
struct unmerged_lora {
  const checkpoint::weight_source& weights;  // low_rank_tensors() of adapted_modules()
  std::int64_t rank = 0;
  double scale = 1;
};

struct dit_layer_weights {
  linear_weights qkv;  // [3 * dim, dim]
  linear_weights o;
  ops::buffer norm_q, norm_k;  // [dim]
  ops::buffer norm3_weight, norm3_bias;
  linear_weights cross_q, cross_kv, cross_o;  // cross_kv [2 * dim, dim]
  ops::buffer cross_norm_q, cross_norm_k;
  linear_weights ffn_in, ffn_out;
};

struct dit_weights {
  linear_weights patch;  // [dim, 4 * channels]
  linear_weights text_in, text_out;
  linear_weights time_in, time_out, time_projection;
  linear_weights head;
  ops::buffer modulation;       // [layers, 6 * dim]
  ops::buffer head_modulation;  // [2, dim]
  std::vector<dit_layer_weights> layers;
};

// Reads every tensor of dit_tensors(config). Throws latency::error when the source lacks one, has
// others besides, or has another shape; `lora`, which may be null, likewise. Cost: one pass over
// the weights, see upload_weight().
[[nodiscard]] dit_weights load_dit_weights(const dit_config& config,
                                           const checkpoint::weight_source& source,
                                           ops::memory& memory, ops::dtype storage,
                                           const unmerged_lora* lora = nullptr);

}  // namespace longlive
