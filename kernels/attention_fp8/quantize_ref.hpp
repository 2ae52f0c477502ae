#pragma once
// The quantization on the CPU, byte for byte what the kernels write. Tensors are in host memory
// here.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/attention_fp8/layout.hpp"
#include "kernels/attention_fp8/quantize.hpp"

namespace kernels {

inline __nv_fp8_e4m3 to_e4m3(float x) {
  __nv_fp8_e4m3 rounded;
  rounded.__x = __nv_cvt_float_to_fp8(x, __NV_SATFINITE, __NV_E4M3);
  return rounded;
}
inline float from_e4m3(__nv_fp8_e4m3 x) {
  static const auto values = [] {
    std::array<float, 256> all{};
    for (std::size_t bits = 0; bits < all.size(); ++bits)
      all[bits] = __half2float(
          __half(__nv_cvt_fp8_to_halfraw(static_cast<__nv_fp8_storage_t>(bits), __NV_E4M3)));
    return all;
  }();
  return values[x.__x];
}

// Calls write(batch, head, token, dim, value) for the rows of all groups, those behind the last
// token as zeros.
template <class Write>
void quantize_ref(const quantize_params& p, const Write& write) {
  const int groups = fp8::groups(p.tokens);
  for (int batch = 0; batch < p.batch; ++batch)
    for (int head = 0; head < p.heads; ++head)
      for (int group = 0; group < groups; ++group) {
        const auto value_at = [&](int token, int dim) {
          return token < p.tokens
                     ? __bfloat162float(
                           p.from.data[batch * p.from.batch_stride + token * p.from.token_stride +
                                       head * p.from.head_stride + dim])
                     : 0.0f;
        };
        const int first = group * fp8::group_rows;
        float largest = 0;
        for (int token = first; token < first + fp8::group_rows; ++token)
          for (int dim = 0; dim < 128; ++dim)
            if (std::isfinite(value_at(token, dim)))
              largest = std::max(largest, std::abs(value_at(token, dim)));
        std::uint32_t bits = 0;
        std::memcpy(&bits, &largest, sizeof bits);
        const int exponent = fp8::exponent_for(bits);
        p.exponents[(static_cast<std::int64_t>(batch) * p.heads + head) * groups + group] =
            exponent;
        for (int token = first; token < first + fp8::group_rows; ++token)
          for (int dim = 0; dim < 128; ++dim) {
            const float x = value_at(token, dim);
            write(batch, head, token, dim,
                  to_e4m3(std::isfinite(x) ? std::ldexp(x, -exponent)
                                           : std::numeric_limits<float>::quiet_NaN()));
          }
      }
}

inline void quantize_rows_ref(const quantize_params& p, const attention_tensor<__nv_fp8_e4m3>& to) {
  quantize_ref(p, [&](int batch, int head, int token, int dim, __nv_fp8_e4m3 x) {
    if (token < p.tokens)
      to.data[batch * to.batch_stride + token * to.token_stride + head * to.head_stride + dim] = x;
  });
}

inline void quantize_values_ref(const quantize_params& p,
                                const transposed_tensor<__nv_fp8_e4m3>& to) {
  quantize_ref(p, [&](int batch, int head, int token, int dim, __nv_fp8_e4m3 x) {
    int position = token / 16 * 16;
    while (fp8::key_at(position) != token) ++position;
    to.data[batch * to.batch_stride + head * to.head_stride + dim * to.dim_stride + position] = x;
  });
}

}  // namespace kernels
