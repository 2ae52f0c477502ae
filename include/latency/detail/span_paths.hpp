#pragma once
// Numbers for paths of span names ("generate > block > step"), so that totals can be kept by path
// when spans themselves are too many to keep. A thread looks the path of its open spans up in a
// cache of its own; only a path that is new to it takes the lock.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "thread_state.hpp"

namespace latency::detail {

// All paths of a session. Any thread.
class path_table {
 public:
  struct path {
    std::int32_t parent = -1;
    const char* name = nullptr;  // as the span gave it: static or interned
  };
  static constexpr std::size_t capacity = 1u << 16;

  // The path `name` below `parent` (-1: a root). A full table gives `parent` back: what is deeper
  // then counts there.
  [[nodiscard]] std::int32_t child(std::int32_t parent, const char* name) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return child_of(parent, name);
  }
  // What `whole` has below `base`, as a path of its own; all of it where it is not below `base`.
  [[nodiscard]] std::int32_t below(std::int32_t whole, std::int32_t base) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::int32_t at = whole;
    while (at > base) at = parent_of(at);  // a parent's number is the smaller one
    return at == base ? append(-1, whole, base) : whole;
  }
  // The path of `upper` and then `lower`.
  [[nodiscard]] std::int32_t joined(std::int32_t upper, std::int32_t lower) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return append(upper, lower, -1);
  }
  // The longest that both begin with.
  [[nodiscard]] std::int32_t common(std::int32_t a, std::int32_t b) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    while (a != b) (a > b ? a : b) = parent_of(a > b ? a : b);
    return a;
  }
  // Those from number `first` on.
  [[nodiscard]] std::vector<path> from(std::size_t first) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return {paths_.begin() + static_cast<std::ptrdiff_t>(std::min(first, paths_.size())),
            paths_.end()};
  }
  void clear() {
    const std::lock_guard<std::mutex> lock(mutex_);
    numbers_.clear();
    paths_.clear();
  }

 private:
  [[nodiscard]] std::int32_t child_of(std::int32_t parent, const char* name) {
    // By text: two places may spell one name.
    const std::string key = std::to_string(parent) + ' ' + (name == nullptr ? "" : name);
    const auto found = numbers_.find(key);
    if (found != numbers_.end()) return found->second;
    if (paths_.size() >= capacity) return parent;
    const auto number = static_cast<std::int32_t>(paths_.size());
    numbers_.emplace(key, number);
    paths_.push_back({parent, name});
    return number;
  }
  [[nodiscard]] std::int32_t parent_of(std::int32_t number) const {
    return paths_[static_cast<std::size_t>(number)].parent;
  }
  // The names of `whole` below its ancestor `base`, behind those of `to`.
  [[nodiscard]] std::int32_t append(std::int32_t to, std::int32_t whole, std::int32_t base) {
    std::vector<const char*> names;
    for (; whole != base; whole = parent_of(whole))
      names.push_back(paths_[static_cast<std::size_t>(whole)].name);
    for (auto name = names.rbegin(); name != names.rend(); ++name) to = child_of(to, *name);
    return to;
  }

  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::int32_t> numbers_;
  std::vector<path> paths_;
};

// One thread's view of it.
class path_cache {
 public:
  path_cache() = default;

  // The path of the thread's open spans, -1 outside every span. Cost: a compare when the innermost
  // span is still the one of the last call, else a look-up for each span that is new.
  [[nodiscard]] std::int32_t current(const thread_state& t, path_table& table) {
    const std::uint64_t generation = t.generation.load(std::memory_order_relaxed);
    if (generation != generation_) *this = path_cache(generation);
    const std::uint32_t depth = std::min(t.depth.load(std::memory_order_relaxed), max_depth);
    std::uint32_t known = depth;
    while (known > 0 && levels_[known].span != t.open[known].id.load(std::memory_order_relaxed))
      --known;
    std::int32_t path = known == 0 ? -1 : levels_[known].path;
    for (std::uint32_t i = known + 1; i <= depth; ++i) {
      path = child(path, t.open[i].name.load(std::memory_order_relaxed), table);
      levels_[i] = {t.open[i].id.load(std::memory_order_relaxed), path};
    }
    return path;
  }

 private:
  struct level {
    std::uint64_t span = 0;
    std::int32_t path = -1;
  };
  struct known_child {
    const char* name = nullptr;
    std::int32_t parent = -1;
    std::int32_t path = -1;
  };

  explicit path_cache(std::uint64_t generation) : generation_(generation) {}

  [[nodiscard]] std::int32_t child(std::int32_t parent, const char* name, path_table& table) {
    const std::size_t slot =
        (reinterpret_cast<std::uintptr_t>(name) >> 3 ^ static_cast<std::size_t>(parent + 1) * 31) %
        children;
    known_child& entry = children_[slot];
    if (entry.name != name || entry.parent != parent || entry.path < 0)
      entry = {name, parent, table.child(parent, name)};
    return entry.path;
  }

  static constexpr std::size_t children = 256;
  std::uint64_t generation_ = no_session;
  level levels_[max_depth + 1];
  known_child children_[children];
};

}  // namespace latency::detail
