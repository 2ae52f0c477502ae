#include "pipeline_reference/umt5/tokenizer.hpp"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <utility>

#include "latency/error.hpp"
#include "pipeline_reference/files/text_file.hpp"
#include "pipeline_reference/umt5/sentencepiece_model.hpp"
#include "pipeline_reference/umt5/text_cleaning.hpp"

// The library exports this without declaring it in a header. Without it, every model that has no
// normalization rules is announced on stderr.
namespace sentencepiece::logging {
void SetMinLogLevel(int level);
}

namespace umt5 {
namespace {

void silence_library() {  // once, as it is a variable of the process
  constexpr int fatal_only = 3;
  static const bool done = (sentencepiece::logging::SetMinLogLevel(fatal_only), true);
  static_cast<void>(done);
}

}  // namespace

tokenizer::tokenizer(std::unique_ptr<sentencepiece::SentencePieceProcessor> processor)
    : processor_(std::move(processor)) {}
tokenizer::tokenizer(tokenizer&&) noexcept = default;
tokenizer& tokenizer::operator=(tokenizer&&) noexcept = default;
tokenizer::~tokenizer() = default;

tokenizer tokenizer::open(const std::string& path) {
  return from_memory(path, files::read_text_file(path, model_max_bytes));
}

tokenizer tokenizer::from_memory(const std::string& label, std::string_view bytes) {
  const std::string checked = model_bytes(parse_sentencepiece_model(label, bytes));
  silence_library();
  auto processor = std::make_unique<sentencepiece::SentencePieceProcessor>();
  const sentencepiece::util::Status status = processor->LoadFromSerializedProto(checked);
  if (!status.ok()) throw latency::error(label, "", files::printable(status.message()));
  return tokenizer(std::move(processor));
}

std::vector<std::int32_t> tokenizer::encode(const std::string& text,
                                            std::int64_t most_tokens) const {
  if (most_tokens < 1)
    throw latency::error("", "", fmt::format("a prompt of at most {} tokens", most_tokens));
  const std::string cleaned = clean_prompt(text);
  if (cleaned.size() > tokenizer_max_text_bytes)
    throw latency::error("", "",
                         fmt::format("a prompt of {} bytes, more than the limit of {}",
                                     cleaned.size(), tokenizer_max_text_bytes));
  const auto most_pieces = static_cast<std::size_t>(most_tokens - 1);
  std::vector<std::int32_t> ids;
  std::vector<int> word_ids;
  for (std::string_view rest = cleaned; !rest.empty() && ids.size() < most_pieces;) {
    const std::size_t word_bytes = std::min(rest.find(' '), rest.size());
    const auto status = processor_->Encode(rest.substr(0, word_bytes), &word_ids);
    if (!status.ok()) throw latency::error("", "", files::printable(status.message()));
    ids.insert(ids.end(), word_ids.begin(), word_ids.end());
    rest.remove_prefix(std::min(word_bytes + 1, rest.size()));
  }
  ids.resize(std::min(ids.size(), most_pieces));
  ids.push_back(end_token);
  return ids;
}

std::int64_t tokenizer::vocabulary_size() const {
  return processor_->GetPieceSize();
}

}  // namespace umt5
