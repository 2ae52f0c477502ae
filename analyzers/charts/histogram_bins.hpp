#pragma once
// Equal bins over the range of some values, for histograms that people look at.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace latency::charts {

struct histogram_bins {
  double first = 0;  // where the first bin begins
  double width = 1;
  std::size_t count = 1;

  // Of round width (1, 2 or 5 times a power of ten), about `wanted` of them.
  histogram_bins(const std::vector<std::int64_t>& values, std::size_t wanted) {
    if (values.empty()) return;
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const double range = std::max(static_cast<double>(*high) - static_cast<double>(*low), 1.0);
    const double power = std::pow(10., std::floor(std::log10(range / static_cast<double>(wanted))));
    for (const double step : {1., 2., 5., 10.}) {
      width = std::max(step * power, 1.0);
      if (range / width <= static_cast<double>(wanted)) break;
    }
    first = std::floor(static_cast<double>(*low) / width) * width;
    count = index_of(*high) + 1;
  }

  [[nodiscard]] std::size_t index_of(std::int64_t value) const {
    return static_cast<std::size_t>(std::max((static_cast<double>(value) - first) / width, 0.0));
  }
  [[nodiscard]] double begin_of(std::size_t bin) const {
    return first + width * static_cast<double>(bin);
  }
};

}  // namespace latency::charts
