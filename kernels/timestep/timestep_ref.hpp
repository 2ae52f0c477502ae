#pragma once
// timestep_embedding() in fp64 on the CPU, one value. `timesteps` is in host memory.

#include <cmath>

#include "kernels/timestep/timestep.hpp"

namespace kernels {

inline double timestep_embedding_ref(const timestep_embedding_params& p, std::int64_t row,
                                     int column) {
  const int half = p.columns / 2, i = column % half;
  const double angle = static_cast<double>(p.timesteps[row]) *
                       std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(half));
  return column < half ? std::cos(angle) : std::sin(angle);
}

}  // namespace kernels
