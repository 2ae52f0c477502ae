#pragma once
// Offset and drift of one clock against another, from bounds on the offset at many moments.
//
// The offset is a straight line over the clock's own time: offset(t) = offset_ns + drift * t. Every
// bound cuts a half-plane off the lines that are possible; what is left is a convex polygon. The
// line taken is in the middle of them at both ends of the extent, and the uncertainty is how far
// any of them is from it there, and so in between: a bound, and no estimate.
// (Convex-hull synchronization of clocks; Duda, Harrus, Haddad, Bernard 1987.)

#include <cstdint>
#include <optional>
#include <vector>

#include "latency/interval_set.hpp"

namespace latency::analysis {

struct offset_bound {
  std::int64_t at_ns = 0;  // on the clock whose offset it is
  std::int64_t offset_ns = 0;
};

struct clock_bounds {
  std::vector<offset_bound> at_least;
  std::vector<offset_bound> at_most;
};

struct clock_fit {
  std::int64_t offset_ns = 0;       // at time 0
  double drift = 0;                 // ns gained per ns
  std::int64_t uncertainty_ns = 0;  // within the extent
};

// Quartz clocks, and clocks that NTP slews, differ by less.
inline constexpr double most_drift = 500e-6;

// The clock within `extent`, which must hold every bound's time. None when no line of at most
// most_drift keeps all bounds. Bounds must not be empty on either side. O(n); of more than 2000
// bounds on a side the tightest of each 1/1000 of the extent counts.
[[nodiscard]] std::optional<clock_fit> fit_clock(const clock_bounds& bounds, interval extent);

}  // namespace latency::analysis
