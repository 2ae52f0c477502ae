#pragma once
// The calls that launched device ops, by correlation.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "latency/detail/nearly_ordered.hpp"
#include "latency/device_rows.hpp"

namespace latency::detail {

// The launches of a recording by correlation; of several with one, the first. Ops stand nearly in
// the order of their launches, so each is looked for from where the last one was found.
class launch_times {
 public:
  explicit launch_times(const std::vector<api_call>& calls) {
    calls_.reserve(calls.size());
    for (const api_call& c : calls)
      if (c.correlation != 0 && c.kind == api_call_kind::launch)
        calls_.push_back({c.correlation, &c});
    sort_nearly_ordered(calls_.begin(), calls_.end(), [](const launch& a, const launch& b) {
      return std::tie(a.correlation, a.call) < std::tie(b.correlation, b.call);
    });
  }
  [[nodiscard]] bool empty() const noexcept { return calls_.empty(); }
  // Null when it is not recorded. O(log d), d launches from the last one that was looked for.
  [[nodiscard]] const api_call* find(std::uint64_t correlation) {
    const std::size_t n = calls_.size();
    std::size_t first = at_, last = at_;  // what is sought stands between the two, or at the last
    for (std::size_t step = 1; first > 0 && calls_[first - 1].correlation >= correlation; step *= 2)
      last = first - 1, first -= std::min(step, first);
    for (std::size_t step = 1; last < n && calls_[last].correlation < correlation; step *= 2)
      first = last + 1, last += std::min(step, n - last);
    const auto begin = calls_.begin();
    at_ = static_cast<std::size_t>(
        std::lower_bound(
            begin + static_cast<std::ptrdiff_t>(first), begin + static_cast<std::ptrdiff_t>(last),
            correlation,
            [](const launch& l, std::uint64_t wanted) { return l.correlation < wanted; }) -
        begin);
    return at_ == n || calls_[at_].correlation != correlation ? nullptr : calls_[at_].call;
  }

 private:
  struct launch {
    std::uint64_t correlation;
    const api_call* call;
  };
  std::vector<launch> calls_;
  std::size_t at_ = 0;  // where the last one was found, or would be
};

}  // namespace latency::detail
