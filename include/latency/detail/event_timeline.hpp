#pragma once
// Times of events on one device as int64 nanoseconds since its first anchor. The driver gives the
// distance of two events as float milliseconds (cudaEventElapsedTime), whose steps grow with the
// distance: 61 ns at a second, 1 us at ten. So each time is taken from an anchor event near it, and
// anchors from each other.

#include <cmath>
#include <cstdint>
#include <limits>

namespace latency::detail {

struct event_time {
  std::int64_t ns = 0;
  std::int64_t step_ns = 0;  // of the float that it came from, rounded up; 0: not read yet

  [[nodiscard]] bool known() const noexcept { return step_ns > 0; }
};

class event_timeline {
 public:
  // A later anchor takes over, `ms` after the one before; the first one, 0.
  void move_anchor(float ms) noexcept { anchor_ns_ += to_ns(ms); }
  [[nodiscard]] std::int64_t anchor_ns() const noexcept { return anchor_ns_; }

  // `ms` after the anchor, or before it when negative.
  [[nodiscard]] event_time at(float ms) const noexcept {
    const float size = std::fabs(ms);
    const float step = std::nextafter(size, std::numeric_limits<float>::infinity()) - size;
    return {anchor_ns_ + to_ns(ms), static_cast<std::int64_t>(std::ceil(double{step} * 1e6))};
  }

 private:
  [[nodiscard]] static std::int64_t to_ns(float ms) noexcept {
    return static_cast<std::int64_t>(std::llround(double{ms} * 1e6));
  }
  std::int64_t anchor_ns_ = 0;
};

}  // namespace latency::detail
