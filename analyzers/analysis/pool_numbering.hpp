#pragma once
// Numbers of pooled recordings: where those of the next one begin, so that they meet no others.

#include <cstdint>

#include "latency/recording.hpp"

namespace latency::analysis {

// Added to the numbers of one recording so that they do not meet those before it.
struct number_offsets {
  std::uint64_t span_id = 0;  // also moves the thread index in the upper bits of an id
  std::uint32_t thread = 0;
  std::uint64_t async_id = 0;
  std::uint64_t correlation = 0;
  std::uint64_t replay = 0;
  std::uint64_t graph_node = 0;  // nodes of two processes are of two graphs
  std::uint32_t device = 0;
  std::int32_t block = 0;
  std::int32_t pixel_frame = 0;
};

// Behind the highest number of every kind in `run`, whose own begin at `now`. Throws latency::error
// when they do not fit.
[[nodiscard]] number_offsets after(const recording& run, number_offsets now);

}  // namespace latency::analysis
