#pragma once
// Maps a device's clock to the session's through anchors (device and host time taken together): a
// line between every two neighbours, so that a clock that is slewed meanwhile is followed; before
// the first and after the last anchor the line through these two.
//
// How far a clock strayed from the line between two anchors shows in the line that follows. Of one
// that was stepped by s, the line is steeper or flatter by s over its length than its neighbours;
// just behind the step a time is mapped up to s wrong. So what the lines on both sides of an anchor
// differ by, over the longer of them, bounds the error of a clock that is steady but for one step,
// or one change of its rate, in three lines.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../saturating.hpp"

namespace latency::detail {

struct device_anchor {
  std::int64_t device_ns = 0;
  std::int64_t session_ns = 0;
  std::int64_t uncertainty_ns = 0;  // half the width of the bracket in which both were read
};

class clock_mapping {
 public:
  clock_mapping() = default;
  // Anchors in any order; of those with one device time the first counts.
  explicit clock_mapping(std::vector<device_anchor> anchors) : anchors_(std::move(anchors)) {
    std::stable_sort(
        anchors_.begin(), anchors_.end(),
        [](const device_anchor& a, const device_anchor& b) { return a.device_ns < b.device_ns; });
    anchors_.erase(std::unique(anchors_.begin(), anchors_.end(),
                               [](const device_anchor& a, const device_anchor& b) {
                                 return a.device_ns == b.device_ns;
                               }),
                   anchors_.end());
    for (const device_anchor& a : anchors_) widest_ns_ = std::max(widest_ns_, a.uncertainty_ns);
    for (std::size_t i = 1; i + 1 < anchors_.size(); ++i)
      residual_ns_ = std::max(residual_ns_, bend_ns(i));
  }

  // Without an anchor nothing is known, and every time becomes 0, as devices report what they could
  // not measure.
  [[nodiscard]] std::int64_t to_session_ns(std::int64_t device_ns) const noexcept {
    if (anchors_.empty()) return 0;
    if (anchors_.size() == 1) return on(anchors_[0], anchors_[0], device_ns);
    const auto after = std::upper_bound(
        anchors_.begin(), anchors_.end(), device_ns,
        [](std::int64_t wanted, const device_anchor& a) { return wanted < a.device_ns; });
    if (after == anchors_.begin() || after == anchors_.end())
      return after == anchors_.begin() ? on(anchors_.front(), anchors_.back(), device_ns)
                                       : on(anchors_.back(), anchors_.front(), device_ns);
    return on(*(after - 1), *after, device_ns);
  }

  [[nodiscard]] std::size_t anchors() const noexcept { return anchors_.size(); }
  // The most by which two lines that meet at an anchor differ over the length of the longer.
  [[nodiscard]] std::int64_t residual_ns() const noexcept { return residual_ns_; }
  [[nodiscard]] std::int64_t uncertainty_ns() const noexcept {
    return saturating_add(widest_ns_, residual_ns_);
  }
  // How much faster the session's clock runs than the device's, first to last anchor.
  [[nodiscard]] double drift_ppm() const noexcept {
    return anchors_.size() < 2 ? 0 : (slope(anchors_.front(), anchors_.back()) - 1) * 1e6;
  }

 private:
  // Unsigned: the times of a damaged file may be further apart than int64 holds.
  [[nodiscard]] static double between(std::int64_t from, std::int64_t to) noexcept {
    return to >= from ? static_cast<double>(static_cast<std::uint64_t>(to) -
                                            static_cast<std::uint64_t>(from))
                      : -static_cast<double>(static_cast<std::uint64_t>(from) -
                                             static_cast<std::uint64_t>(to));
  }
  // Not over more than twice the shorter line, whose ends are uncertain as well.
  [[nodiscard]] std::int64_t bend_ns(std::size_t middle) const noexcept {
    const device_anchor& before = anchors_[middle - 1];
    const device_anchor& here = anchors_[middle];
    const device_anchor& after = anchors_[middle + 1];
    const double earlier = between(before.device_ns, here.device_ns);
    const double later = between(here.device_ns, after.device_ns);
    const double length = std::min(std::max(earlier, later), 2 * std::min(earlier, later));
    const double bend = std::abs(slope(before, here) - slope(here, after)) * length;
    return static_cast<std::int64_t>(std::llround(std::min(bend, limit_ns)));
  }
  // Session nanoseconds per device nanosecond; 1 where the two do not say.
  [[nodiscard]] static double slope(const device_anchor& a, const device_anchor& b) noexcept {
    const double device = between(a.device_ns, b.device_ns);
    return device == 0 ? 1 : between(a.session_ns, b.session_ns) / device;
  }
  // Where the line through both has `device_ns`, computed from the first.
  [[nodiscard]] static std::int64_t on(const device_anchor& a, const device_anchor& b,
                                       std::int64_t device_ns) noexcept {
    const double offset = between(a.device_ns, device_ns) * slope(a, b);
    const auto whole =
        static_cast<std::int64_t>(std::llround(std::clamp(offset, -limit_ns, limit_ns)));
    return saturating_add(a.session_ns, whole);
  }

  static constexpr double limit_ns = 4e18;  // 127 years: beyond it a damaged file, not a time

  std::vector<device_anchor> anchors_;
  std::int64_t widest_ns_ = 0;
  std::int64_t residual_ns_ = 0;
};

}  // namespace latency::detail
