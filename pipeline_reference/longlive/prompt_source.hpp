#pragma once
// Where the prompts of a clip come from: embeddings that are at hand, or texts that are encoded
// when the clip begins (encoded_prompts in prompt_encoder.hpp).

#include <cstdint>
#include <optional>
#include <vector>

#include "pipeline_reference/ops/tensor.hpp"

namespace longlive {

// What the text encoder hands to the transformer for one prompt.
struct prompt_embedding {
  std::int64_t token_count = 0;  // rows from here on are zero, as the real encoder leaves them
  std::vector<float> rows;       // [text_len, text_dim], row-major
};

struct written_prompt {
  std::int64_t tokens = 0;
  std::optional<bool> cached;  // came from a prompt cache; none where there is no cache
};

class prompt_source {
 public:
  virtual ~prompt_source() = default;
  [[nodiscard]] virtual std::int64_t segments() const = 0;
  // Writes the embedding of a segment's prompt to `out` [text_len, text_dim], in the back end's
  // storage dtype, rows after the last token zero. Inside the segment's text-encoding span.
  virtual written_prompt write(std::int64_t segment, const ops::tensor& out, ops::stream s) = 0;
  // Every segment of the clip has been written (inside no span).
  virtual void all_written() {}
};

// Embeddings in host memory.
class given_prompts final : public prompt_source {
 public:
  given_prompts(ops::memory& memory, std::vector<prompt_embedding> prompts);

  [[nodiscard]] std::int64_t segments() const override;
  // Throws latency::error when the embedding has another size than `out`.
  written_prompt write(std::int64_t segment, const ops::tensor& out, ops::stream s) override;

 private:
  ops::memory& memory_;
  std::vector<prompt_embedding> prompts_;
};

}  // namespace longlive
