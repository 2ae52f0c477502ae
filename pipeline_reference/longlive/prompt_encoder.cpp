#include "pipeline_reference/longlive/prompt_encoder.hpp"

#include <utility>

#include "latency/error.hpp"
#include "latency/scope.hpp"
#include "pipeline_reference/ops/transfer.hpp"
#include "pipeline_reference/umt5/text_cleaning.hpp"

namespace longlive {

prompt_encoder::prompt_encoder(umt5::tokenizer tokenizer, umt5::encoder encoder,
                               ops::memory& memory, std::int64_t cache_bytes)
    : tokenizer_(std::move(tokenizer)),
      encoder_(std::move(encoder)),
      memory_(memory),
      cache_(cache_bytes) {}

written_prompt prompt_encoder::write(const std::string& text, const ops::tensor& out,
                                     ops::stream s) {
  std::string cleaned = umt5::clean_prompt(text);
  const std::int64_t columns = out.columns();
  if (const std::vector<float>* rows = cache_.find(cleaned)) {
    const std::int64_t tokens = static_cast<std::int64_t>(rows->size()) / columns;
    ops::upload_floats(memory_, out.row_range(0, tokens), *rows, s);
    const ops::tensor padding = out.row_range(tokens, out.rows() - tokens);
    memory_.zero(padding.data, padding.bytes(), s);
    return {tokens, true};
  }
  if (!encoder_)
    throw latency::error("", "text encoder", "was released before the last prompt was encoded");
  const std::vector<std::int32_t> ids = tokenizer_.encode(text, encoder_->config().text_len);
  encoder_->encode(ids, out, s);
  const auto tokens = static_cast<std::int64_t>(ids.size());
  std::vector<float> rows(static_cast<std::size_t>(tokens * columns));
  ops::download_floats(memory_, out.row_range(0, tokens), rows, s);
  cache_.insert(std::move(cleaned), std::move(rows));
  return {tokens, false};
}

encoded_prompts::encoded_prompts(prompt_encoder& encoder, std::vector<std::string> texts, bool last)
    : encoder_(encoder), texts_(std::move(texts)), last_(last) {}

std::int64_t encoded_prompts::segments() const {
  return static_cast<std::int64_t>(texts_.size());
}

written_prompt encoded_prompts::write(std::int64_t segment, const ops::tensor& out, ops::stream s) {
  return encoder_.write(texts_.at(static_cast<std::size_t>(segment)), out, s);
}

void encoded_prompts::all_written() {
  if (!last_) return;
  LATENCY_SCOPE("release_text_encoder");
  encoder_.release();
}

}  // namespace longlive
