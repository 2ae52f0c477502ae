#include "pipeline_reference/umt5/relative_position.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace umt5 {

std::int64_t relative_bucket(std::int64_t distance, std::int64_t buckets) {
  constexpr double last_distance = 128;
  const std::int64_t half = buckets / 2, exact = half / 2;
  const std::int64_t base = distance > 0 ? half : 0, away = std::abs(distance);
  if (away < exact) return base + away;
  const auto first = static_cast<double>(exact);
  const double growth = std::log(static_cast<double>(away) / first) /
                        std::log(last_distance / first) * static_cast<double>(half - exact);
  // Powers of two begin a bucket exactly; rounding must not leave them in the one before.
  return base + std::min(half - 1, exact + static_cast<std::int64_t>(std::floor(growth + 1e-9)));
}

std::vector<float> bias_by_distance(std::span<const float> table, std::int64_t buckets,
                                    std::int64_t heads, std::int64_t most_distance) {
  const std::int64_t distances = 2 * most_distance + 1;
  std::vector<float> out(static_cast<std::size_t>(heads * distances));
  for (std::int64_t i = 0; i < distances; ++i) {
    const std::int64_t bucket = relative_bucket(i - most_distance, buckets);
    for (std::int64_t head = 0; head < heads; ++head)
      out[static_cast<std::size_t>(head * distances + i)] =
          table[static_cast<std::size_t>(bucket * heads + head)];
  }
  return out;
}

}  // namespace umt5
