#include "pipeline_reference/longlive/rope.hpp"

#include <cmath>

namespace longlive {

rope_pairs split_rope_pairs(std::int64_t head_dim) {
  const std::int64_t pairs = head_dim / 2, spatial = pairs / 3;
  return {pairs - 2 * spatial, spatial, spatial};
}

double rope_inverse_frequency(std::int64_t pair, std::int64_t pairs) {
  return std::pow(rope_theta, -static_cast<double>(pair) / static_cast<double>(pairs));
}

std::vector<float> rope_table(std::int64_t positions, std::int64_t pairs) {
  std::vector<float> table;
  table.reserve(static_cast<std::size_t>(positions * pairs * 2));
  for (std::int64_t position = 0; position < positions; ++position)
    for (std::int64_t pair = 0; pair < pairs; ++pair) {
      const double angle = static_cast<double>(position) * rope_inverse_frequency(pair, pairs);
      table.push_back(static_cast<float>(std::cos(angle)));
      table.push_back(static_cast<float>(std::sin(angle)));
    }
  return table;
}

}  // namespace longlive
