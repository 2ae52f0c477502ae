#include "pipeline_reference/umt5/encoder_config.hpp"

#include <fmt/format.h>

#include <string>

#include "latency/error.hpp"

namespace umt5 {

void encoder_config::validate() const {
  struct bounded {
    const char* name;
    std::int64_t number, least, most;
  };
  for (const bounded& b : {bounded{"vocab", vocabulary_size, 1, most_vocabulary_size},
                           {"dim", dim, 1, most_dim},
                           {"dim_attn", attention_dim, 1, most_attention_dim},
                           {"num_heads", heads, 1, most_heads},
                           {"dim_ffn", ffn_dim, 1, most_ffn_dim},
                           {"num_layers", layers, 1, most_layers},
                           {"num_buckets", buckets, 4, most_buckets},
                           {"text_len", text_len, 1, most_text_len}})
    if (b.number < b.least || b.number > b.most)
      throw latency::error(
          "", b.name, fmt::format("must be between {} and {}, is {}", b.least, b.most, b.number));
  if (attention_dim % heads != 0)
    throw latency::error("", "dim_attn",
                         fmt::format("{} is not divisible by {} heads", attention_dim, heads));
  if (buckets % 2 != 0)
    throw latency::error("", "num_buckets",
                         fmt::format("must be even (keys before and after), is {}", buckets));
}

std::vector<checkpoint::expected_tensor> encoder_tensors(const encoder_config& c) {
  std::vector<checkpoint::expected_tensor> all;
  all.push_back({"token_embedding.weight", {c.vocabulary_size, c.dim}});
  for (std::int64_t layer = 0; layer < c.layers; ++layer) {
    const std::string block = "blocks." + std::to_string(layer) + ".";
    all.push_back({block + "norm1.weight", {c.dim}});
    for (const char* projection : {"q", "k", "v"})
      all.push_back({block + "attn." + projection + ".weight", {c.attention_dim, c.dim}});
    all.push_back({block + "attn.o.weight", {c.dim, c.attention_dim}});
    all.push_back({block + "norm2.weight", {c.dim}});
    all.push_back({block + "ffn.gate.0.weight", {c.ffn_dim, c.dim}});
    all.push_back({block + "ffn.fc1.weight", {c.ffn_dim, c.dim}});
    all.push_back({block + "ffn.fc2.weight", {c.dim, c.ffn_dim}});
    all.push_back({block + "pos_embedding.embedding.weight", {c.buckets, c.heads}});
  }
  all.push_back({"norm.weight", {c.dim}});
  return all;
}

std::int64_t parameter_count(const encoder_config& config) {
  return checkpoint::element_count(encoder_tensors(config));
}

}  // namespace umt5
