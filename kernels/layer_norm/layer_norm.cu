// A block takes row after row, a thread 8 columns of them: gate, scale and shift stay in its
// registers, and the next row is on its way while this one is summed. A row is read once; its
// variance is summed about its mean, so that a large mean costs no precision.
#include "kernels/layer_norm/layer_norm.hpp"
#include "kernels/multiprocessors.hpp"
#include "kernels/vector8.cuh"

namespace kernels {
namespace {

constexpr int most_threads = most_row_columns / 8;
constexpr int resident_threads = 1024;  // of a multiprocessor, at 64 registers each

// What a row is multiplied with and what is added, of this thread's columns.
struct row_factors {
  floats8 gate, scale, shift;
};

__device__ __forceinline__ void load_factors(const layer_norm_params& p, std::int64_t frame,
                                             int column, row_factors& f) {
  const auto read = [&](const rows_of<const __nv_bfloat16>& of) {
    return widen(load8(of.data + frame * of.stride + column));
  };
  if (p.gate.data != nullptr) f.gate = read(p.gate);
  if (p.scale.data != nullptr) {
    f.scale = read(p.scale);
    f.shift = read(p.shift);
#pragma unroll
    for (int e = 0; e < 8; ++e) f.scale.value[e] += 1;
  }
}

__device__ __forceinline__ float sum_of(const floats8& v) {
  return ((v.value[0] + v.value[1]) + (v.value[2] + v.value[3])) +
         ((v.value[4] + v.value[5]) + (v.value[6] + v.value[7]));
}

template <bool residual>
__global__ void __launch_bounds__(most_threads) layer_norm_kernel(const layer_norm_params p) {
  __shared__ float partial[2][most_threads / warp_lanes];
  const int column = 8 * static_cast<int>(threadIdx.x);
  const bool inside = column < p.columns;
  const float per_column = 1.0F / static_cast<float>(p.columns);
  const auto rows = static_cast<unsigned>(p.rows);
  const auto rows_per_frame = static_cast<unsigned>(p.rows_per_latent_frame);

  row_factors factors;
#pragma unroll
  for (int e = 0; e < 8; ++e) {
    factors.gate.value[e] = factors.scale.value[e] = 1;
    factors.shift.value[e] = 0;
  }
  if (p.weight != nullptr && inside) {
    factors.scale = widen(load8(p.weight + column));
    factors.shift = widen(load8(p.bias + column));
  }
  vector8 next_x = {}, next_y = {};
  const auto fetch = [&](unsigned row) {
    if (!inside) return;
    next_x = load8(p.x.data + row * p.x.stride + column);
    if constexpr (residual) next_y = load8(p.y.data + row * p.y.stride + column);
  };
  fetch(blockIdx.x);
  unsigned held_frame = ~0U;
  for (unsigned row = blockIdx.x; row < rows; row += gridDim.x) {
    floats8 x = widen(next_x);
    const floats8 y = widen(next_y);
    if (row + gridDim.x < rows) fetch(row + gridDim.x);
    const unsigned frame = rows_per_frame > 0 ? row / rows_per_frame : 0;
    if (frame != held_frame) {
      if (inside) load_factors(p, frame, column, factors);
      held_frame = frame;
    }
    if constexpr (residual) {
#pragma unroll
      for (int e = 0; e < 8; ++e) x.value[e] += factors.gate.value[e] * y.value[e];
      const vector8 sum = narrow(x);
      if (inside) store8(p.x.data + row * p.x.stride + column, sum);
      if (p.out.data == nullptr) continue;
      x = widen(sum);
    }
    const float mean = block_sum(sum_of(x), partial[0]) * per_column;
    float squares = 0;
#pragma unroll
    for (int e = 0; e < 8; ++e) {
      x.value[e] -= mean;
      squares += x.value[e] * x.value[e];
    }
    const float variance = block_sum(inside ? squares : 0, partial[1]) * per_column;
    const float factor = rsqrtf(variance + p.eps);
#pragma unroll
    for (int e = 0; e < 8; ++e)
      x.value[e] = x.value[e] * (factor * factors.scale.value[e]) + factors.shift.value[e];
    if (inside) store8(p.out.data + row * p.out.stride + column, narrow(x));
  }
}

void validate(const layer_norm_params& p) {
  constexpr const char* name = "layer_norm";
  require_row(name, p.rows, p.columns, most_row_columns);
  if (p.y.data == nullptr && (p.out.data == nullptr || p.gate.data != nullptr))
    reject(name, "neither a residual nor an output, or a gate without a residual");
  if ((p.scale.data == nullptr) != (p.shift.data == nullptr) ||
      (p.weight == nullptr) != (p.bias == nullptr) ||
      (p.scale.data != nullptr && p.weight != nullptr))
    reject(name, "scale and shift come together, or weight and bias, but not all four");
  require_aligned(name, "x", p.x);
  require_aligned(name, "y", p.y);
  require_aligned(name, "gate", p.gate);
  require_aligned(name, "out", p.out);
  require_aligned(name, "scale", p.scale);
  require_aligned(name, "shift", p.shift);
}

}  // namespace

void layer_norm(const layer_norm_params& p, cudaStream_t stream) {
  validate(p);
  if (p.rows == 0) return;
  const int threads = (p.columns / 8 + warp_lanes - 1) / warp_lanes * warp_lanes;
  const std::int64_t resident = std::int64_t{multiprocessors()} * (resident_threads / threads);
  const auto blocks = static_cast<unsigned>(p.rows < resident ? p.rows : resident);
  if (p.y.data != nullptr)
    layer_norm_kernel<true><<<blocks, threads, 0, stream>>>(p);
  else
    layer_norm_kernel<false><<<blocks, threads, 0, stream>>>(p);
  check_launch("layer_norm");
}

}  // namespace kernels
