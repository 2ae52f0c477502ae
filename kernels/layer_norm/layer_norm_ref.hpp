#pragma once
// layer_norm() in fp64 on the CPU, a row at a time. Tensors of the parameters are in host memory.

#include <cmath>
#include <vector>

#include "kernels/layer_norm/layer_norm.hpp"

namespace kernels {

struct layer_norm_row {
  std::vector<double> x;    // x + gate * y, before it is rounded
  std::vector<double> out;  // of the rounded sum
};

inline layer_norm_row layer_norm_ref(const layer_norm_params& p, std::int64_t row) {
  const auto frame = p.rows_per_latent_frame > 0 ? row / p.rows_per_latent_frame : 0;
  const auto at = [](const auto& rows, std::int64_t r, int c) {
    return static_cast<double>(__bfloat162float(rows.data[r * rows.stride + c]));
  };
  layer_norm_row result;
  double mean = 0, variance = 0;
  std::vector<double> stored;
  for (int c = 0; c < p.columns; ++c) {
    double x = at(p.x, row, c);
    if (p.y.data != nullptr)
      x += at(p.y, row, c) * (p.gate.data != nullptr ? at(p.gate, frame, c) : 1.0);
    result.x.push_back(x);
    stored.push_back(static_cast<double>(__bfloat162float(__double2bfloat16(x))));
    mean += stored.back() / p.columns;
  }
  for (const double x : stored) variance += (x - mean) * (x - mean) / p.columns;
  for (int c = 0; c < p.columns; ++c) {
    double out = (stored[static_cast<std::size_t>(c)] - mean) /
                 std::sqrt(variance + static_cast<double>(p.eps));
    if (p.scale.data != nullptr) out = out * (1 + at(p.scale, frame, c)) + at(p.shift, frame, c);
    if (p.weight != nullptr)
      out = out * static_cast<double>(__bfloat162float(p.weight[c])) +
            static_cast<double>(__bfloat162float(p.bias[c]));
    result.out.push_back(out);
  }
  return result;
}

}  // namespace kernels
