#pragma once
// From the text of a prompt to its embedding: tokenizer, text encoder, and a cache in host memory
// so that a text is encoded once. One thread at a time.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pipeline_reference/longlive/prompt_cache.hpp"
#include "pipeline_reference/longlive/prompt_source.hpp"
#include "pipeline_reference/ops/tensor.hpp"
#include "pipeline_reference/umt5/encoder.hpp"
#include "pipeline_reference/umt5/tokenizer.hpp"

namespace longlive {

// 64 prompts of 256 tokens of the published model.
inline constexpr std::int64_t prompt_cache_bytes = std::int64_t{256} << 20;

class prompt_encoder {
 public:
  // The tokenizer's ids must lie below the encoder's vocabulary_size. The cache holds at most
  // `cache_bytes`.
  prompt_encoder(umt5::tokenizer tokenizer, umt5::encoder encoder, ops::memory& memory,
                 std::int64_t cache_bytes = prompt_cache_bytes);

  // Embedding of a text -> out [text_len, dim], from the cache when a text that cleans to the same
  // is there. A text of more than text_len tokens is cut, as published. Waits for the stream.
  // Throws latency::error for a text that has to be encoded after release().
  written_prompt write(const std::string& text, const ops::tensor& out, ops::stream s);
  // Frees the encoder and its weights; texts in the cache can still be had.
  void release() { encoder_.reset(); }

  [[nodiscard]] const prompt_cache_counts& cache_counts() const { return cache_.counts(); }

 private:
  umt5::tokenizer tokenizer_;
  std::optional<umt5::encoder> encoder_;
  ops::memory& memory_;
  prompt_cache cache_;
};

// The prompts of a clip as texts.
class encoded_prompts final : public prompt_source {
 public:
  // `last`: no text will be encoded after these, so the encoder is released once they are.
  encoded_prompts(prompt_encoder& encoder, std::vector<std::string> texts, bool last);

  [[nodiscard]] std::int64_t segments() const override;
  written_prompt write(std::int64_t segment, const ops::tensor& out, ops::stream s) override;
  void all_written() override;

 private:
  prompt_encoder& encoder_;
  std::vector<std::string> texts_;
  bool last_;
};

}  // namespace longlive
