#include "analyzers/charts/chart.hpp"

#include "latency/detail/printable.hpp"

namespace latency::charts {

namespace {

// XML has no place for the two last characters of the plane.
std::string without_noncharacters(const std::string& line) {
  std::string result;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const bool refused = line.compare(at, 2, "\xEF\xBF") == 0 && at + 2 < line.size() &&
                         static_cast<unsigned char>(line[at + 2]) >= 0xBE;
    result += refused ? '?' : line[at];
    if (refused) at += 2;
  }
  return result;
}

}  // namespace

std::string shortened(const std::string& text, std::size_t most) {
  const std::string line = without_noncharacters(detail::printable(text));
  std::vector<std::size_t> starts;  // of code points
  for (std::size_t i = 0; i < line.size(); ++i)
    if ((line[i] & 0xc0) != 0x80) starts.push_back(i);
  if (starts.size() <= most) return line;
  const std::size_t head = (most - 1) / 2;
  const std::size_t tail = most - 1 - head;
  return line.substr(0, starts[head]) + "…" + line.substr(starts[starts.size() - tail]);
}

int legend_rows(const chart& of) {
  if (of.data.size() < 2) return 0;
  constexpr double page = 970, beside_text = 42, letter = 6.8;  // pixels
  int rows = 0;
  double used = page;
  for (const series& s : of.data) {
    if (s.name.empty()) continue;
    const double width = beside_text + letter * static_cast<double>(s.name.size());
    if (used + width > page) {
      ++rows;
      used = 0;
    }
    used += width;
  }
  return rows;
}

}  // namespace latency::charts
