// Stands for tokenizer.cpp and text_cleaning.cpp where a library that they need was not found when
// this was built: there is no tokenizer then, and open() says so.

#include "latency/error.hpp"
#include "pipeline_reference/umt5/text_cleaning.hpp"
#include "pipeline_reference/umt5/tokenizer.hpp"

namespace sentencepiece {
class SentencePieceProcessor {};
}  // namespace sentencepiece

namespace umt5 {

tokenizer::tokenizer(std::unique_ptr<sentencepiece::SentencePieceProcessor>) {}
tokenizer::tokenizer(tokenizer&&) noexcept = default;
tokenizer& tokenizer::operator=(tokenizer&&) noexcept = default;
tokenizer::~tokenizer() = default;

tokenizer tokenizer::open(const std::string& path) {
  return from_memory(path, {});
}

tokenizer tokenizer::from_memory(const std::string& label, std::string_view) {
  throw latency::error(label, "",
                       "this build has no tokenizer (configuring it said which library was "
                       "missing); prompt_embeddings: seeded needs none");
}

std::vector<std::int32_t> tokenizer::encode(const std::string&, std::int64_t) const {
  return {};
}

std::int64_t tokenizer::vocabulary_size() const {
  return 0;
}

std::string clean_prompt(std::string_view utf8) {
  return std::string(utf8);
}

}  // namespace umt5
