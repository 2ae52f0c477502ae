#pragma once
// Durations of which a file kept only the summary.

#include <cstdint>
#include <vector>

namespace latency::timeline {

struct kept_summary {
  std::int64_t count = 0;
  std::int64_t min_ns = 0, median_ns = 0, p95_ns = 0, p99_ns = 0, max_ns = 0, total_ns = 0;
};

// `count` durations, ascending, whose least, median, 95th and 99th percentile (linear between
// ranks), greatest and sum are those of the summary, as far as any durations can have them all: a
// summary that contradicts itself keeps its total. They stand in for the measured ones in counts,
// sums and percentiles; nothing else about them is known. O(count): a small file can claim any.
[[nodiscard]] std::vector<std::int64_t> durations_with(const kept_summary& kept);

}  // namespace latency::timeline
