#include "analyzers/charts/chart.hpp"

#include "latency/detail/printable.hpp"

namespace latency::charts {

std::string shortened(const std::string& text, std::size_t most) {
  const std::string line = detail::printable(text);
  std::vector<std::size_t> starts;  // of code points
  for (std::size_t i = 0; i < line.size(); ++i)
    if ((line[i] & 0xc0) != 0x80) starts.push_back(i);
  if (starts.size() <= most) return line;
  const std::size_t head = (most - 1) / 2;
  const std::size_t tail = most - 1 - head;
  return line.substr(0, starts[head]) + "…" + line.substr(starts[starts.size() - tail]);
}

}  // namespace latency::charts
