#pragma once
// From a prompt to the token ids of the UMT5 text encoder, with a SentencePiece unigram model as
// google/umt5-xxl publishes it: `<pad>` is 0, `</s>` is 1, and bytes stand in for characters that
// have no piece, so that no text is lost.
//
// The model file is untrusted. It is read and checked by us (sentencepiece_model.hpp), and only
// what was checked reaches the sentencepiece library.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace umt5 {

inline constexpr std::int32_t pad_token = 0;
inline constexpr std::int32_t end_token = 1;                              // `</s>`
inline constexpr std::size_t tokenizer_max_text_bytes = 4 * 1024 * 1024;  // of a cleaned prompt

// Thread rules: const members may be called from several threads.
class tokenizer {
 public:
  // Throws latency::error "FILE: PLACE: MESSAGE" for a file that is missing, cut short, too large
  // or no such model. Cost: one pass over the file and one search tree over its pieces; 256,300
  // pieces take about a second of one core.
  [[nodiscard]] static tokenizer open(const std::string& path);
  // The same over bytes in memory; `label` stands for the file name in errors.
  [[nodiscard]] static tokenizer from_memory(const std::string& label, std::string_view bytes);

  tokenizer(tokenizer&&) noexcept;
  tokenizer& operator=(tokenizer&&) noexcept;
  ~tokenizer();

  // Ids of the cleaned text (text_cleaning.hpp), then `</s>`; of more than `most_tokens` (at least
  // 1) the first, the last of them replaced by `</s>`. Never `<pad>`: padding is the encoder's.
  // Each word is encoded by itself, as the published tokenizer does: no piece spans a space.
  // Control pieces written out in a prompt, such as "</s>", are text like any other.
  // Throws latency::error when the cleaned text is longer than tokenizer_max_text_bytes.
  // Cost: linear in the text up to the last word kept.
  [[nodiscard]] std::vector<std::int32_t> encode(const std::string& text,
                                                 std::int64_t most_tokens) const;

  // Number of ids: every id that encode() returns is below it.
  [[nodiscard]] std::int64_t vocabulary_size() const;

 private:
  explicit tokenizer(std::unique_ptr<sentencepiece::SentencePieceProcessor> processor);

  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
};

}  // namespace umt5
