#include "pipeline_reference/longlive/prompt_cache.hpp"

#include <utility>

namespace longlive {

std::int64_t prompt_cache::entry::bytes() const {
  return static_cast<std::int64_t>(text.size() + rows.size() * sizeof(float));
}

const std::vector<float>* prompt_cache::find(std::string_view text) {
  const auto found = by_text_.find(text);
  if (found == by_text_.end()) {
    ++counts_.misses;
    return nullptr;
  }
  ++counts_.hits;
  entries_.splice(entries_.begin(), entries_, found->second);
  return &found->second->rows;
}

void prompt_cache::insert(std::string text, std::vector<float> rows) {
  entry added{std::move(text), std::move(rows)};
  if (added.bytes() > most_bytes_) return;
  while (counts_.bytes + added.bytes() > most_bytes_) {
    const entry& oldest = entries_.back();
    counts_.bytes -= oldest.bytes();
    --counts_.entries;
    ++counts_.evictions;
    by_text_.erase(oldest.text);
    entries_.pop_back();
  }
  counts_.bytes += added.bytes();
  ++counts_.entries;
  entries_.push_front(std::move(added));
  by_text_.emplace(entries_.front().text, entries_.begin());
}

}  // namespace longlive
