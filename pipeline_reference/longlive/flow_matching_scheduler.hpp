#pragma once
// The published flow-matching schedule: 1000 training steps, shifted towards noise.
// x_t = (1 - sigma) * x0 + sigma * eps. Immutable after construction.

#include <cstdint>
#include <vector>

namespace longlive {

class flow_matching_scheduler {
 public:
  explicit flow_matching_scheduler(double shift);

  // Timesteps for a denoising_step_list, in fp32 as the model is fed: step s becomes the table's
  // entry 1000 - s when `warp`, else s itself.
  [[nodiscard]] std::vector<float> timesteps(const std::vector<std::int64_t>& steps,
                                             bool warp) const;
  // Sigma of the table's timestep nearest to t (the earlier one of two equally near).
  [[nodiscard]] float sigma(float t) const;

 private:
  static constexpr int steps_ = 1000;
  std::vector<float> sigmas_;     // descending from 1
  std::vector<float> timesteps_;  // 1000 * sigma
};

}  // namespace longlive
