#pragma once
// renoise() on the CPU, one value. Tensors of the parameters are in host memory.

#include <cmath>

#include "kernels/random/philox.hpp"
#include "kernels/renoise/renoise.hpp"

namespace kernels {

struct renoise_value {
  float x0, x_next;
};

inline renoise_value renoise_ref(const renoise_params& p, std::int64_t element) {
  const float x0 = std::fma(-p.sigma, p.flow[element], p.x_t[element]);
  const std::uint64_t number = p.numbers.first + static_cast<std::uint64_t>(element);
  const float noise =
      p.eps != nullptr ? p.eps[element]
                       : random_normals(p.numbers.seed, p.numbers.sequence, number / 4)[number % 4];
  return {x0, (1 - p.sigma_next) * x0 + p.sigma_next * noise};
}

}  // namespace kernels
