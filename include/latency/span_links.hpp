#pragma once
// How spans refer to each other: ids to positions, parents that form a forest whatever the input,
// children grouped under their parents. Building blocks of span_tree.hpp.
//
// Positions are indices into recording::spans; no_span stands for none. Nothing here recurses.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "latency/recording.hpp"

namespace latency {

inline constexpr std::uint32_t no_span = 0xffffffffu;

// A run of positions, for range-for.
struct span_range {
  const std::uint32_t* first = nullptr;
  const std::uint32_t* last = nullptr;
  [[nodiscard]] const std::uint32_t* begin() const noexcept { return first; }
  [[nodiscard]] const std::uint32_t* end() const noexcept { return last; }
  [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(last - first); }
  [[nodiscard]] bool empty() const noexcept { return first == last; }
  [[nodiscard]] std::uint32_t operator[](std::size_t i) const noexcept { return first[i]; }
};

namespace detail {

class span_ids {
 public:
  explicit span_ids(const std::vector<span>& spans) {
    entries_.reserve(spans.size());
    for (std::size_t i = 0; i < spans.size(); ++i)
      entries_.emplace_back(spans[i].id, static_cast<std::uint32_t>(i));
    std::sort(entries_.begin(), entries_.end());
    std::size_t kept = 0;
    for (const auto& entry : entries_) {
      if (entry.first == 0 || (kept > 0 && entries_[kept - 1].first == entry.first))
        unusable_.push_back(entry.second);
      else
        entries_[kept++] = entry;
    }
    entries_.resize(kept);
  }

  // Position of the first span with this id, or no_span. O(log n).
  [[nodiscard]] std::uint32_t find(span_id id) const {
    const auto entry =
        std::lower_bound(entries_.begin(), entries_.end(), std::make_pair(id, std::uint32_t{0}));
    return entry == entries_.end() || entry->first != id ? no_span : entry->second;
  }

  // Positions whose id is 0 or belongs to an earlier span.
  [[nodiscard]] const std::vector<std::uint32_t>& unusable() const noexcept { return unusable_; }

 private:
  std::vector<std::pair<span_id, std::uint32_t>> entries_;
  std::vector<std::uint32_t> unusable_;
};

// Cuts every cycle where its first span starts, which becomes a root. Returns all members. O(n).
inline std::vector<std::uint32_t> break_cycles(std::vector<std::uint32_t>& parents,
                                               const std::vector<span>& spans) {
  std::vector<std::uint32_t> members;
  std::vector<std::uint32_t> walk_of(parents.size(), 0);  // the walk that met a span first
  for (std::uint32_t from = 0; from < parents.size(); ++from) {
    const std::uint32_t walk = from + 1;
    std::uint32_t at = from;
    for (; at != no_span && walk_of[at] == 0; at = parents[at]) walk_of[at] = walk;
    if (at == no_span || walk_of[at] != walk) continue;
    std::uint32_t earliest = at;
    std::uint32_t member = at;
    do {
      members.push_back(member);
      if (spans[member].start_ns < spans[earliest].start_ns) earliest = member;
      member = parents[member];
    } while (member != at);
    parents[earliest] = no_span;
  }
  return members;
}

// The root above each span of a forest that only grows together. Amortized O(log n).
class tops {
 public:
  explicit tops(const std::vector<std::uint32_t>& parents) : above_(parents) {
    for (std::uint32_t s = 0; s < above_.size(); ++s)
      if (above_[s] == no_span) above_[s] = s;
  }
  std::uint32_t of(std::uint32_t s) {
    for (; above_[s] != s; s = above_[s]) above_[s] = above_[above_[s]];
    return s;
  }
  // Puts the tree with root `root` below `parent`, which must not be in it.
  void join(std::uint32_t root, std::uint32_t parent) { above_[root] = of(parent); }

 private:
  std::vector<std::uint32_t> above_;  // an ancestor; of a root itself
};

// Members of each of `groups` groups, in the order in which `ordered` lists them.
class grouped_spans {
 public:
  grouped_spans() = default;
  // `group_of` maps a position to its group.
  template <class GroupOf>
  grouped_spans(const std::vector<std::uint32_t>& ordered, std::size_t groups, GroupOf group_of)
      : first_(groups + 1, 0), members_(ordered.size()) {
    for (const std::uint32_t s : ordered) ++first_[group_of(s) + 1];
    for (std::size_t g = 0; g < groups; ++g) first_[g + 1] += first_[g];
    std::vector<std::size_t> next(first_.begin(), first_.end() - 1);
    for (const std::uint32_t s : ordered) members_[next[group_of(s)]++] = s;
  }
  [[nodiscard]] span_range operator[](std::size_t group) const {
    return {members_.data() + first_[group], members_.data() + first_[group + 1]};
  }

 private:
  std::vector<std::size_t> first_;
  std::vector<std::uint32_t> members_;
};

}  // namespace detail
}  // namespace latency
