#pragma once
// Sizes of a UMT5 text encoder. Defaults are UMT5-XXL as Wan2.1 uses it.

#include <cstdint>
#include <vector>

#include "pipeline_reference/checkpoint/tensor_entry.hpp"

namespace umt5 {

struct encoder_config {
  std::int64_t vocabulary_size = 256384;  // rows of the token embedding
  std::int64_t dim = 4096;
  std::int64_t attention_dim = 4096;  // of all heads together
  std::int64_t heads = 64;
  std::int64_t ffn_dim = 10240;
  std::int64_t layers = 24;
  std::int64_t buckets = 32;    // of the relative-position bias; half of them for keys that follow
  std::int64_t text_len = 512;  // rows of a result, padding included

  // Beyond these a file is wrong rather than large, and products of sizes could overflow.
  static constexpr std::int64_t most_vocabulary_size = 1 << 22, most_dim = 16384,
                                most_attention_dim = 16384, most_heads = 256, most_ffn_dim = 65536,
                                most_layers = 256, most_buckets = 256, most_text_len = 4096;

  static constexpr float eps = 1e-6F;  // of every norm

  [[nodiscard]] std::int64_t head_dim() const { return attention_dim / heads; }
  // Throws latency::error naming the first impossible value.
  void validate() const;
};

// Every tensor of the encoder, by its published name.
[[nodiscard]] std::vector<checkpoint::expected_tensor> encoder_tensors(
    const encoder_config& config);
[[nodiscard]] std::int64_t parameter_count(const encoder_config& config);

}  // namespace umt5
