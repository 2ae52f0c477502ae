#pragma once
// How statistics settled while values came in: of the first n values, for growing n.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace latency::analysis {

struct running_point {
  std::int64_t n = 0;  // values so far
  double mean = 0;
  double p50 = 0;
  double p95 = 0;
  double max = 0;
};

// For at most `most` values of n, evenly spread, the last one being all. Pure; O(most * values).
[[nodiscard]] std::vector<running_point> running_statistics(const std::vector<double>& values,
                                                            std::size_t most);

}  // namespace latency::analysis
