#include "pipeline_reference/longlive/flow_matching_scheduler.hpp"

#include <cmath>

namespace longlive {

flow_matching_scheduler::flow_matching_scheduler(double shift) {
  const auto s = static_cast<float>(shift);
  // The published table is made in fp32: 1001 equal steps from 1 to 0 (the upper half counted from
  // the start, the lower from the end), of which the last is left out.
  constexpr float step = -1.0F / steps_;
  for (int i = 0; i < steps_; ++i) {
    const float unshifted = i < steps_ / 2 ? std::fma(step, static_cast<float>(i), 1.0F)
                                           : -step * static_cast<float>(steps_ - i);
    const float sigma = s * unshifted / (1.0F + (s - 1.0F) * unshifted);
    sigmas_.push_back(sigma);
    timesteps_.push_back(sigma * 1000.0F);
  }
}

std::vector<float> flow_matching_scheduler::timesteps(const std::vector<std::int64_t>& steps,
                                                      bool warp) const {
  std::vector<float> out;
  for (const std::int64_t step : steps)
    out.push_back(!warp      ? static_cast<float>(step)
                  : step > 0 ? timesteps_[static_cast<std::size_t>(steps_ - step)]
                             : 0.0F);
  return out;
}

float flow_matching_scheduler::sigma(float t) const {
  std::size_t nearest = 0;
  for (std::size_t i = 1; i < timesteps_.size(); ++i)
    if (std::abs(timesteps_[i] - t) < std::abs(timesteps_[nearest] - t)) nearest = i;
  return sigmas_[nearest];
}

}  // namespace longlive
