// A block takes a row, a thread 8 columns of it: many short blocks keep loads of some rows, sums of
// others and stores of others in flight together, as a copy has them. Everything that a thread
// reads is asked for at once. Each warp sums about a value of its own, so that a large mean costs
// no precision and one barrier is enough.
#include "kernels/layer_norm/layer_norm.hpp"
#include "kernels/vector8.cuh"

namespace kernels {
namespace {

constexpr int most_threads = most_row_columns / 8;
constexpr int narrow_threads = 192;  // LongLive's 1536 columns
constexpr int narrow_blocks = 6;     // of a multiprocessor at least; 7 at 48 registers
constexpr int warp_columns = 8 * warp_lanes;

// Mean and sum of squared deviations from it.
struct row_moments {
  float mean, squares;
};

// Columns of a row that warp `warp` of its block has.
__device__ __forceinline__ float columns_of_warp(int columns, int warp) {
  return static_cast<float>(min(columns - warp * warp_columns, warp_columns));
}

// Of the row that the block holds, x being this thread's part. `of_warp` has room for each warp. A
// warp sums deviations from its first value: no further from its mean than all of its deviations
// together, so that the subtraction below leaves an error of 256 roundings at most.
template <int warps_unrolled>
__device__ __forceinline__ row_moments moments(const floats8& x, bool inside, int columns,
                                               row_moments* of_warp) {
  const float pivot = __shfl_sync(0xffffffff, x.value[0], 0);
  float sum = 0, squares = 0;
  if (inside) {
#pragma unroll
    for (int e = 0; e < 8; ++e) {
      const float deviation = x.value[e] - pivot;
      sum += deviation;
      squares += deviation * deviation;
    }
  }
#pragma unroll
  for (int offset = warp_lanes / 2; offset > 0; offset /= 2) {
    sum += __shfl_xor_sync(0xffffffff, sum, offset);
    squares += __shfl_xor_sync(0xffffffff, squares, offset);
  }
  const int warp = static_cast<int>(threadIdx.x) / warp_lanes;
  if (threadIdx.x % warp_lanes == 0) {
    const float count = columns_of_warp(columns, warp);
    of_warp[warp] = {pivot + sum / count, squares - sum * sum / count};
  }
  __syncthreads();
  const int warps = static_cast<int>(blockDim.x) / warp_lanes;
  row_moments row = {0, 0};
#pragma unroll warps_unrolled
  for (int i = 0; i < warps; ++i) row.mean += columns_of_warp(columns, i) * of_warp[i].mean;
  row.mean /= static_cast<float>(columns);
#pragma unroll warps_unrolled
  for (int i = 0; i < warps; ++i) {
    const float apart = of_warp[i].mean - row.mean;
    row.squares += of_warp[i].squares + columns_of_warp(columns, i) * apart * apart;
  }
  return row;
}

template <bool residual, int threads, int blocks>
__global__ void __launch_bounds__(threads, blocks) layer_norm_kernel(const layer_norm_params p) {
  __shared__ row_moments of_warp[threads / warp_lanes];
  const unsigned row = blockIdx.x;
  const int column = 8 * static_cast<int>(threadIdx.x);
  const bool inside = column < p.columns;
  const unsigned frame =
      p.rows_per_latent_frame > 0 ? row / static_cast<unsigned>(p.rows_per_latent_frame) : 0;
  const auto of_frame = [&](const rows_of<const __nv_bfloat16>& rows) {
    return rows.data + frame * rows.stride;
  };
  const bool modulated = p.scale.data != nullptr, affine = p.weight != nullptr;
  vector8 x_bits = {}, y_bits = {}, gate = {}, factor = {}, offset = {};
  if (inside) {
    x_bits = load8(p.x.data + row * p.x.stride + column);
    if constexpr (residual) {
      y_bits = load8(p.y.data + row * p.y.stride + column);
      if (p.gate.data != nullptr) gate = load8_constant(of_frame(p.gate) + column);
    }
    if (modulated || affine) {
      factor = load8_constant((modulated ? of_frame(p.scale) : p.weight) + column);
      offset = load8_constant((modulated ? of_frame(p.shift) : p.bias) + column);
    }
  }
  floats8 x = widen(x_bits);
  if constexpr (residual) {
    const floats8 y = widen(y_bits), by = widen(gate);
#pragma unroll
    for (int e = 0; e < 8; ++e)
      x.value[e] += (p.gate.data != nullptr ? by.value[e] : 1.0F) * y.value[e];
    const vector8 sum = narrow(x);
    if (inside) store8(p.x.data + row * p.x.stride + column, sum);
    if (p.out.data == nullptr) return;
    x = widen(sum);
  }
  const row_moments of_row = moments < threads == narrow_threads
                                 ? threads / warp_lanes
                                 : 4 > (x, inside, p.columns, of_warp);
  const float variance = fmaxf(of_row.squares, 0) / static_cast<float>(p.columns);
  const float scale = rsqrtf(variance + p.eps);
  const float one = affine ? 0.0F : 1.0F;  // scales are about zero, weights about one
  const floats8 by = widen(factor), plus = widen(offset);
#pragma unroll
  for (int e = 0; e < 8; ++e)
    x.value[e] = (x.value[e] - of_row.mean) * (scale * (one + by.value[e])) + plus.value[e];
  if (inside) store8(p.out.data + row * p.out.stride + column, narrow(x));
}

template <bool residual>
void launch(const layer_norm_params& p, cudaStream_t stream) {
  const int threads = (p.columns / 8 + warp_lanes - 1) / warp_lanes * warp_lanes;
  const auto rows = static_cast<unsigned>(p.rows);
  if (threads <= narrow_threads)
    layer_norm_kernel<residual, narrow_threads, narrow_blocks><<<rows, threads, 0, stream>>>(p);
  else
    layer_norm_kernel<residual, most_threads, 1><<<rows, threads, 0, stream>>>(p);
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
  if (p.y.data != nullptr)
    launch<true>(p, stream);
  else
    launch<false>(p, stream);
  check_launch("layer_norm");
}

}  // namespace kernels
