#pragma once
// Tells, span by span in preorder, whether a span alike is open around it: what lies in both must
// not count twice. What alike means is the caller's choice of a key.

#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "latency/span_tree.hpp"

namespace latency::analysis {

// Refers to the tree. Spans come in preorder; some may be left out, but with all that is below.
class open_names {
 public:
  explicit open_names(const span_tree& tree) : tree_(tree) {}

  // True when a span with the same key is around `span`. Constant time on average.
  bool enter(std::uint32_t span, std::uint64_t key) {
    while (!open_.empty() && open_.back().first != tree_[span].parent) {
      --count_[open_.back().second];
      open_.pop_back();
    }
    open_.emplace_back(span, key);
    return count_[key]++ > 0;
  }

 private:
  const span_tree& tree_;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> open_;  // with their keys
  std::unordered_map<std::uint64_t, std::uint32_t> count_;
};

}  // namespace latency::analysis
