#pragma once
// How spans refer to each other, and what may be special about one.

#include <cstdint>

namespace latency {

using span_id =
    std::uint64_t;  // thread index << 40 | sequence number on that thread, from 1; 0 = none

// Bits of span::flags.
enum span_flag : std::uint32_t {
  span_open_at_end = 1,  // not closed when the session ended: end_ns is the end of the session
  span_warm_up = 2,  // root of a warm-up region (LATENCY_REGIONS): statistics leave its subtree out
  span_handed_over = 4,   // parent is a span of another thread
  span_open_at_start = 8  // a flight recorder's: began before the window, at whose start it is cut
};

}  // namespace latency
