#pragma once
// Encoded prompts by their cleaned text, the least recently used given up first. One thread at a
// time.

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace longlive {

struct prompt_cache_counts {
  std::int64_t hits = 0;
  std::int64_t misses = 0;
  std::int64_t evictions = 0;
  std::int64_t entries = 0;  // now
  std::int64_t bytes = 0;    // of their texts and rows, now
};

class prompt_cache {
 public:
  // Holds at most `most_bytes` of texts and rows; the containers around them are not counted.
  explicit prompt_cache(std::int64_t most_bytes) : most_bytes_(most_bytes) {}
  prompt_cache(const prompt_cache&) = delete;
  prompt_cache& operator=(const prompt_cache&) = delete;

  // The rows kept for a text, now the most recently used; null when there are none. Counts a hit or
  // a miss. The rows stay until the next insert().
  [[nodiscard]] const std::vector<float>* find(std::string_view text);
  // Keeps rows [tokens, text_dim] for a text that find() missed; others give way. What alone
  // exceeds the limit is not kept, and nothing gives way to it.
  void insert(std::string text, std::vector<float> rows);

  [[nodiscard]] const prompt_cache_counts& counts() const { return counts_; }

 private:
  struct entry {
    std::string text;
    std::vector<float> rows;
    [[nodiscard]] std::int64_t bytes() const;
  };

  std::int64_t most_bytes_;
  std::list<entry> entries_;  // most recently used first
  std::unordered_map<std::string_view, std::list<entry>::iterator> by_text_;  // views of entries_
  prompt_cache_counts counts_;
};

}  // namespace longlive
