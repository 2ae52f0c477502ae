#pragma once
// Makes a recording of spans of which a file says how long they took and what stood in what, but
// not always when they ran.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "latency/recording.hpp"

namespace latency::timeline {

using known_attributes = std::vector<std::pair<std::string, run_value>>;

struct placed_span {
  std::string name;
  std::int64_t duration_ns = 0;
  std::optional<std::int64_t> end_ns;  // on the file's clock, where it says so
  known_attributes attributes;
  std::vector<placed_span> children;  // in the order in which they ran; nested a few levels deep
  std::int32_t block = -1;            // row of recording::blocks whose span this is
  std::int32_t prompt_switch = -1;    // row of recording::switches whose span this is
};

// Length of the children put end to end, or of what their ends span, whichever is longer.
[[nodiscard]] std::int64_t length_of(const std::vector<placed_span>& children);

// Appends the spans, on one thread, to a recording without any; sets `span` of its blocks and
// switches, and its wall. Durations are kept to the nanosecond. A span ends where its file says, or
// where the next one begins; where that would make siblings overlap, or stick out of their parent,
// it is moved, as little as possible. The earliest span starts at 0; returns what the file's clock
// showed there (0 where no span has a time).
std::int64_t lay_out(std::vector<placed_span> roots, recording& to);

}  // namespace latency::timeline
