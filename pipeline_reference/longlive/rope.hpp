#pragma once
// Rotary position tables of the three axes of a video.

#include <cstdint>
#include <vector>

namespace longlive {

inline constexpr double rope_theta = 10000.0;

// Adjacent pairs of a head that each axis turns; they add up to head_dim / 2. For 128: 22, 21, 21.
struct rope_pairs {
  std::int64_t time, height, width;
};
[[nodiscard]] rope_pairs split_rope_pairs(std::int64_t head_dim);

// theta^(-i / pairs) for pair i of an axis.
[[nodiscard]] double rope_inverse_frequency(std::int64_t pair, std::int64_t pairs);

// cos, sin of position * inverse frequency, [positions, pairs, 2], evaluated in double.
[[nodiscard]] std::vector<float> rope_table(std::int64_t positions, std::int64_t pairs);

}  // namespace longlive
