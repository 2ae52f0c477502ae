// A row is read once and stays in registers, packed, while its squares are summed. A warp takes a
// row of up to 1536 values.
#include "kernels/rms_norm/rms_norm.hpp"
#include "kernels/vector8.cuh"

namespace kernels {
namespace {

template <int vectors>
__global__ void __launch_bounds__(most_row_threads, resident_row_blocks)
    rms_norm_kernel(const rms_norm_params p) {
  __shared__ float partial[most_row_threads / warp_lanes];
  const std::int64_t row = std::int64_t{blockIdx.x} * blockDim.y + threadIdx.y;
  if (row >= p.rows) return;
  vector8 x[vectors] = {};
#pragma unroll
  for (int i = 0; i < vectors; ++i)
    if (column_of(i) < p.columns) x[i] = load8(p.x.data + row * p.x.stride + column_of(i));
  float squares = 0;
#pragma unroll
  for (int i = 0; i < vectors; ++i) {
    const floats8 v = widen(x[i]);  // zeros beyond the row
#pragma unroll
    for (int e = 0; e < 8; ++e) squares += v.value[e] * v.value[e];
    forget_widened(x[i]);
  }
  const float factor = rsqrtf(row_sum(squares, partial) / static_cast<float>(p.columns) + p.eps);
#pragma unroll
  for (int i = 0; i < vectors; ++i) {
    const int column = column_of(i);
    if (column >= p.columns) continue;
    floats8 v = widen(x[i]);
    const floats8 weight = widen(load8_constant(p.weight + column));
#pragma unroll
    for (int e = 0; e < 8; ++e) v.value[e] *= factor * weight.value[e];
    store8(p.out.data + row * p.out.stride + column, narrow(v));
  }
}

}  // namespace

void rms_norm(const rms_norm_params& p, cudaStream_t stream) {
  constexpr const char* name = "rms_norm";
  require_row(name, p.rows, p.columns, most_row_columns);
  require_aligned(name, "x", p.x);
  require_aligned(name, "out", p.out);
  if (p.rows == 0) return;
  const row_launch with = launch_for_rows(p.rows, p.columns);
  if (with.narrow)
    rms_norm_kernel<1><<<with.blocks, with.threads, 0, stream>>>(p);
  else
    rms_norm_kernel<row_vectors><<<with.blocks, with.threads, 0, stream>>>(p);
  check_launch(name);
}

}  // namespace kernels
