#pragma once
// The text encoder's weights in a back end's memory, merged for the operations that use them.
// Matrices stay in the file's bf16 where the back end multiplies it, and are in its storage dtype
// otherwise. The published model then takes 9.3 GB without its token embedding, 18.5 GB in fp32.

#include <vector>

#include "pipeline_reference/checkpoint/weight_source.hpp"
#include "pipeline_reference/ops/tensor.hpp"
#include "pipeline_reference/ops/transformer_ops.hpp"
#include "pipeline_reference/umt5/encoder_config.hpp"

namespace umt5 {

struct encoder_layer_weights {
  ops::buffer norm1, norm2;      // [dim]
  ops::buffer qkv;               // [3 * attention_dim, dim]
  ops::buffer o;                 // [dim, attention_dim]
  ops::buffer gate_fc1;          // [2 * ffn_dim, dim]
  ops::buffer fc2;               // [dim, ffn_dim]
  ops::buffer bias_by_distance;  // f32 [heads, 2 * text_len - 1], see relative_position.hpp
};

struct encoder_weights {
  std::vector<encoder_layer_weights> layers;
  ops::buffer norm;  // [dim]
};

// Reads every tensor of encoder_tensors(config) but the token embedding, which must be there.
// Throws latency::error when the source lacks one, has others besides, or has another shape.
// Cost: each tensor once through host memory.
[[nodiscard]] encoder_weights load_encoder_weights(const encoder_config& config,
                                                   const checkpoint::weight_source& source,
                                                   ops::memory& memory, ops::transformer_ops& ops);

}  // namespace umt5
