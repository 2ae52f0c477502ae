#pragma once
// rms_norm() in fp64 on the CPU, a row at a time. Tensors of the parameters are in host memory.

#include <cmath>
#include <vector>

#include "kernels/rms_norm/rms_norm.hpp"

namespace kernels {

inline std::vector<double> rms_norm_ref(const rms_norm_params& p, std::int64_t row) {
  const auto at = [&](int c) {
    return static_cast<double>(__bfloat162float(p.x.data[row * p.x.stride + c]));
  };
  double squares = 0;
  for (int c = 0; c < p.columns; ++c) squares += at(c) * at(c);
  std::vector<double> out;
  for (int c = 0; c < p.columns; ++c)
    out.push_back(at(c) / std::sqrt(squares / p.columns + static_cast<double>(p.eps)) *
                  static_cast<double>(__bfloat162float(p.weight[c])));
  return out;
}

}  // namespace kernels
