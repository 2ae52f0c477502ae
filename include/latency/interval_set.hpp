#pragma once
// A union of time intervals: its length, and how much of it lies in a window.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "detail/nearly_ordered.hpp"

namespace latency {

struct interval {  // [start_ns, end_ns)
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  [[nodiscard]] std::int64_t length_ns() const noexcept { return end_ns - start_ns; }
};

// Immutable after construction, so any number of threads may read. Times must lie within
// +-time_limit_ns (saturating.hpp), so that lengths fit into int64.
class interval_set {
 public:
  interval_set() = default;

  // Intervals in any order, overlapping or not; empty and reversed ones are dropped. O(n log n).
  explicit interval_set(std::vector<interval> intervals) {
    // Intervals that start together are merged, whichever comes first.
    detail::sort_nearly_ordered(
        intervals.begin(), intervals.end(),
        [](const interval& a, const interval& b) { return a.start_ns < b.start_ns; });
    for (const interval& next : intervals) {
      if (next.end_ns <= next.start_ns) continue;
      if (!merged_.empty() && next.start_ns <= merged_.back().end_ns)
        merged_.back().end_ns = std::max(merged_.back().end_ns, next.end_ns);
      else
        merged_.push_back(next);
    }
    before_ns_.reserve(merged_.size());
    for (const interval& m : merged_) {
      before_ns_.push_back(total_ns_);
      total_ns_ += m.length_ns();
    }
  }

  // Disjoint, not touching, in time order.
  [[nodiscard]] const std::vector<interval>& intervals() const noexcept { return merged_; }
  [[nodiscard]] std::int64_t total_ns() const noexcept { return total_ns_; }

  // Length of the part inside `window` (0 for a reversed window). O(log n).
  [[nodiscard]] std::int64_t covered_ns(const interval& window) const {
    if (window.end_ns <= window.start_ns) return 0;
    return covered_before_ns(window.end_ns) - covered_before_ns(window.start_ns);
  }

 private:
  [[nodiscard]] std::int64_t covered_before_ns(std::int64_t time_ns) const {
    const auto after =
        std::upper_bound(merged_.begin(), merged_.end(), time_ns,
                         [](std::int64_t t, const interval& m) { return t < m.start_ns; });
    if (after == merged_.begin()) return 0;
    const auto i = static_cast<std::size_t>(after - merged_.begin()) - 1;
    return before_ns_[i] + std::min(time_ns, merged_[i].end_ns) - merged_[i].start_ns;
  }

  std::vector<interval> merged_;
  std::vector<std::int64_t> before_ns_;  // covered before merged_[i]
  std::int64_t total_ns_ = 0;
};

}  // namespace latency
