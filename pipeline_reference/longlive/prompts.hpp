#pragma once
// Prompt files in the two published forms, and embeddings that stand in for the text encoder's.
//
// JSONL (`.jsonl`): each line is {"prompts": ["first segment", "second", ...]}, every line with the
// same number. Anything else: a text file, one prompt per line. Blank lines are skipped.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pipeline_reference/longlive/prompt_source.hpp"

namespace longlive {

inline constexpr std::size_t prompts_max_bytes = 64 * 1024 * 1024;
inline constexpr std::size_t prompts_max_line_bytes = 1024 * 1024;
inline constexpr std::size_t prompts_max_count = 100'000;

// One line of a prompt file: one clip.
struct prompt_line {
  int line = 0;                      // in the file, from 1
  std::vector<std::string> prompts;  // one per segment, in UTF-8
};

// Throws latency::error "FILE: line N: MESSAGE" for a missing, too large or empty file, a line that
// is not as above, texts that are not UTF-8 or hold a zero byte, and empty prompts. Other control
// characters are left to whoever shows or encodes the text.
[[nodiscard]] std::vector<prompt_line> read_prompts(const std::string& path);

// The same for text in memory; `jsonl` selects the form, `path` is used in messages only.
[[nodiscard]] std::vector<prompt_line> parse_prompts(const std::string& text, bool jsonl,
                                                     const std::string& path);

// Normally distributed rows that depend on the text and the seed only, one per token; tokens are
// counted as words plus the end mark, at most text_len.
[[nodiscard]] prompt_embedding seeded_embedding(const std::string& prompt, std::uint64_t seed,
                                                std::int64_t text_len, std::int64_t text_dim);

// Embeddings of a line's prompts from a safetensors file: tensor `prompt_embeds.<segment>` of shape
// [text_len, text_dim] for the first line, `line<index>.prompt_embeds.<segment>` for any line.
// Throws latency::error when one is missing or has another shape.
[[nodiscard]] std::vector<prompt_embedding> read_embeddings(const std::string& path,
                                                            std::size_t line_index,
                                                            std::size_t segments,
                                                            std::int64_t text_len,
                                                            std::int64_t text_dim);

}  // namespace longlive
