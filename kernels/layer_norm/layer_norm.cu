// A block takes a row or two, a thread three vectors of 8 columns: many short blocks keep the loads
// of some rows, the sums of others and the stores of others in flight together, as a copy has them.
// A row is read once and summed once, about its first value, so that a large mean costs no
// precision.
#include "kernels/layer_norm/layer_norm.hpp"

#include "kernels/dependent_launch.cuh"
#include "kernels/vector8.cuh"

namespace kernels {
namespace {

constexpr int vectors = 3;          // of a thread
constexpr int most_threads = 352;   // for most_row_columns
constexpr int narrow_threads = 64;  // for LongLive's 1536 columns
constexpr int narrow_rows = 2;      // of a block: half as many blocks to start
template <bool residual>
constexpr int narrow_blocks = residual ? 8 : 9;  // of a multiprocessor
static_assert(8 * vectors * most_threads >= most_row_columns);

// Sums of deviations from a value of the row, and of their squares.
struct row_sums {
  float deviations = 0, squares = 0;
};

// Of all threads of the block, in each of them; a barrier passes.
__device__ __forceinline__ row_sums block_sums(row_sums sums, row_sums* of_warp) {
  sums = {warp_sum(sums.deviations), warp_sum(sums.squares)};
  if (threadIdx.x % warp_lanes == 0) of_warp[threadIdx.x / warp_lanes] = sums;
  __syncthreads();
  row_sums all;
#pragma unroll 2  // the warps of a row of 1536 values
  for (int warp = 0; warp < static_cast<int>(blockDim.x) / warp_lanes; ++warp) {
    all.deviations += of_warp[warp].deviations;
    all.squares += of_warp[warp].squares;
  }
  return all;
}

template <bool residual, int threads, int rows, int blocks>
__global__ void __launch_bounds__(threads* rows, blocks)
    layer_norm_kernel(const layer_norm_params p) {
  __shared__ row_sums of_warp[rows][threads / warp_lanes];
  const unsigned row = blockIdx.x * rows + threadIdx.y;
  __nv_bfloat16* const x_row = p.x.data + row * p.x.stride;
  const __nv_bfloat16* const y_row = p.y.data + row * p.y.stride;
  const float per_column = __fdividef(1.0F, static_cast<float>(p.columns));

  vector8 x[vectors] = {}, y[vectors] = {}, gate[vectors] = {}, scale[vectors] = {},
          shift[vectors] = {};
  wait_for_previous_kernels();
  if (rows > 1 && row >= static_cast<unsigned>(p.rows)) return;
#pragma unroll
  for (int i = 0; i < vectors; ++i) {
    if (column_of(i) >= p.columns) continue;
    x[i] = load8(x_row + column_of(i));
    if constexpr (residual) y[i] = load8(y_row + column_of(i));
  }
  // Behind the loads that need no division.
  const unsigned frame =
      p.rows_per_latent_frame > 0 ? row / static_cast<unsigned>(p.rows_per_latent_frame) : 0;
  const __nv_bfloat16* const gate_row =
      p.gate.data != nullptr ? p.gate.data + frame * p.gate.stride : nullptr;
  const bool modulated = p.scale.data != nullptr, affine = p.weight != nullptr;
  const __nv_bfloat16* const scale_row =
      modulated ? p.scale.data + frame * p.scale.stride : p.weight;
  const __nv_bfloat16* const shift_row = modulated ? p.shift.data + frame * p.shift.stride : p.bias;
  if (residual && gate_row != nullptr)
#pragma unroll
    for (int i = 0; i < vectors; ++i)
      if (column_of(i) < p.columns) gate[i] = load8(gate_row + column_of(i));
  // No value is further than sqrt(columns) standard deviations from the mean: sums of squares about
  // this one are at most columns + 1 times those about the mean.
  float pivot = __bfloat162float(x_row[0]);
  if constexpr (residual) {
    const float by = gate_row != nullptr ? __bfloat162float(gate_row[0]) : 1.0F;
    pivot += by * __bfloat162float(y_row[0]);
#pragma unroll
    for (int i = 0; i < vectors; ++i) {
      floats8 sum = widen(x[i]);
      const floats8 added = widen(y[i]), factor = widen(gate[i]);
#pragma unroll
      for (int e = 0; e < 8; ++e)
        sum.value[e] += (gate_row != nullptr ? factor.value[e] : 1.0F) * added.value[e];
      x[i] = narrow(sum);
    }
  }
  const auto store_sum = [&] {
#pragma unroll
    for (int i = 0; i < vectors; ++i)
      if (residual && column_of(i) < p.columns) store8(x_row + column_of(i), x[i]);
  };
  if (p.out.data == nullptr) return store_sum();
  if (modulated || affine)
#pragma unroll
    for (int i = 0; i < vectors; ++i) {
      if (column_of(i) >= p.columns) continue;
      scale[i] = load8(scale_row + column_of(i));
      shift[i] = load8(shift_row + column_of(i));
    }

  row_sums sums;
#pragma unroll
  for (int i = 0; i < vectors; ++i) {
    if (column_of(i) >= p.columns) continue;
    const floats8 value = widen(x[i]);
#pragma unroll
    for (int e = 0; e < 8; ++e) {
      const float deviation = value.value[e] - pivot;
      sums.deviations += deviation;
      sums.squares += deviation * deviation;
    }
  }
  sums = block_sums(sums, of_warp[threadIdx.y]);
  store_sum();  // behind the barrier: until there, all threads read the row's first value
  const float beside = sums.deviations * per_column, mean = pivot + beside;
  const float variance = fmaxf(sums.squares * per_column - beside * beside, 0.0F);
  const float factor = rsqrtf(variance + p.eps), offset = -mean * factor;
  const float one = affine ? 0.0F : 1.0F;  // scales are about zero, weights about one
#pragma unroll
  for (int i = 0; i < vectors; ++i) {
    if (column_of(i) >= p.columns) continue;
    floats8 value = widen(x[i]);
    const floats8 by = widen(scale[i]), plus = widen(shift[i]);
#pragma unroll
    for (int e = 0; e < 8; ++e)
      value.value[e] = (value.value[e] * factor + offset) * (one + by.value[e]) + plus.value[e];
    store8(p.out.data + row * p.out.stride + column_of(i), narrow(value));
  }
}

template <bool residual>
void launch(const layer_norm_params& p, cudaStream_t stream) {
  constexpr int of_warp = 8 * vectors * warp_lanes;
  const int threads = (p.columns + of_warp - 1) / of_warp * warp_lanes;
  const auto rows = static_cast<unsigned>(p.rows);
  if (threads <= narrow_threads)
    launch_dependent(
        layer_norm_kernel<residual, narrow_threads, narrow_rows, narrow_blocks<residual>>,
        (rows + narrow_rows - 1) / narrow_rows, dim3(static_cast<unsigned>(threads), narrow_rows),
        stream, p);
  else
    launch_dependent(layer_norm_kernel<residual, most_threads, 1, 1>, rows, threads, stream, p);
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
