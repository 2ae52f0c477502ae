#pragma once
// activation() in fp64 on the CPU, one value. Tensors of the parameters are in host memory.

#include <cmath>

#include "kernels/activation/activation.hpp"

namespace kernels {

inline double activation_ref(const activation_params& p, std::int64_t row, int column) {
  const auto at = [&](const auto& rows) {
    return static_cast<double>(__bfloat162float(rows.data[row * rows.stride + column]));
  };
  double x = at(p.x);
  if (p.bias != nullptr) x += static_cast<double>(__bfloat162float(p.bias[column]));
  if (p.function == activation_function::gelu_tanh)
    x = x / 2 * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
  if (p.function == activation_function::silu) x = x / (1 + std::exp(-x));
  return p.multiplier.data != nullptr ? x * at(p.multiplier) : x;
}

}  // namespace kernels
