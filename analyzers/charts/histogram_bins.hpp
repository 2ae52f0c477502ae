#pragma once
// Equal bins over a range of values, for histograms that people look at.

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace latency::charts {

struct histogram_bins {
  double first = 0;  // where the first bin begins
  double width = 1;
  std::size_t count = 1;

  // Of round width (1, 2 or 5 times a power of ten), about `wanted` of them; the first holds `low`,
  // the last `high`.
  histogram_bins(double low, double high, std::size_t wanted) {
    const double range = std::max(high - low, 1.0);
    const double power = std::pow(10., std::floor(std::log10(range / static_cast<double>(wanted))));
    for (const double step : {1., 2., 5., 10.}) {
      width = std::max(step * power, 1.0);
      if (range / width <= static_cast<double>(wanted)) break;
    }
    first = std::floor(low / width) * width;
    count = static_cast<std::size_t>((high - first) / width) + 1;
  }

  // `count` for whatever is beyond the last bin.
  [[nodiscard]] std::size_t index_of(std::int64_t value) const {
    const double bins = (static_cast<double>(value) - first) / width;
    return bins < static_cast<double>(count) ? static_cast<std::size_t>(std::max(bins, 0.0))
                                             : count;
  }
  [[nodiscard]] double begin_of(std::size_t bin) const {
    return first + width * static_cast<double>(bin);
  }
};

}  // namespace latency::charts
