#include "analyzers/analysis/running_statistics.hpp"

#include <algorithm>

#include "latency/statistics.hpp"

namespace latency::analysis {

std::vector<running_point> running_statistics(const std::vector<double>& values, std::size_t most) {
  std::vector<running_point> points;
  const std::size_t count = std::min(values.size(), most);
  for (std::size_t i = 1; i <= count; ++i) {
    const std::size_t n = values.size() * i / count;
    const std::vector<double> first(values.begin(),
                                    values.begin() + static_cast<std::ptrdiff_t>(n));
    points.push_back({static_cast<std::int64_t>(n), mean(first), percentile(first, 50),
                      percentile(first, 95), maximum(first)});
  }
  return points;
}

}  // namespace latency::analysis
