#pragma once
// Calls that still wait for something, found by the driver's number for them: the newest so many,
// in memory that is taken at once and never grows.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace latency::detail {

template <class Entry>
class waiting_calls {
 public:
  explicit waiting_calls(std::size_t capacity)
      : entries_(capacity), older_(capacity, none), newest_(capacity, none) {}

  // The newest of that correlation; nullptr when there is none.
  [[nodiscard]] Entry* find(std::uint32_t correlation) {
    for (std::uint32_t at = newest_[bucket(correlation)]; at != none; at = older_[at])
      if (entries_[at].call.correlation == correlation) return &entries_[at];
    return nullptr;
  }

  // `lose(Entry&)` is called for the oldest when it has to go.
  template <class Lose>
  void put(const Entry& one, const Lose& lose) {
    const auto at = static_cast<std::uint32_t>(put_ % entries_.size());
    if (put_ >= entries_.size()) {
      lose(entries_[at]);
      unlink(at);
    }
    entries_[at] = one;
    std::uint32_t& newest = newest_[bucket(one.call.correlation)];
    older_[at] = newest;
    newest = at;
    ++put_;
  }

  template <class Visit>
  void for_each(const Visit& visit) {
    for (std::size_t at = 0; at < entries_.size() && at < put_; ++at) visit(entries_[at]);
  }
  void clear() {
    newest_.assign(newest_.size(), none);
    put_ = 0;
  }

 private:
  static constexpr std::uint32_t none = UINT32_MAX;

  [[nodiscard]] std::size_t bucket(std::uint32_t correlation) const noexcept {
    return correlation % newest_.size();
  }
  // The oldest of all is the last of its bucket.
  void unlink(std::uint32_t at) noexcept {
    std::uint32_t* link = &newest_[bucket(entries_[at].call.correlation)];
    while (*link != at) link = &older_[*link];
    *link = none;
  }

  std::vector<Entry> entries_;         // a ring
  std::uint64_t put_ = 0;              // so many were put in, from the start
  std::vector<std::uint32_t> older_;   // by place in the ring: the next older one of its bucket
  std::vector<std::uint32_t> newest_;  // by bucket
};

}  // namespace latency::detail
