// A block takes a row, a thread 8 columns of it, which stay in its registers while their squares
// are summed: many short blocks keep loads and stores in flight together, as a copy has them.
#include "kernels/rms_norm/rms_norm.hpp"

#include "kernels/dependent_launch.cuh"
#include "kernels/vector8.cuh"

namespace kernels {
namespace {

constexpr int most_threads = most_row_columns / 8;
constexpr int narrow_threads = 192;  // LongLive's 1536 columns
constexpr int narrow_blocks = 8;     // of a multiprocessor

template <int threads, int blocks>
__global__ void __launch_bounds__(threads, blocks) rms_norm_kernel(const rms_norm_params p) {
  __shared__ float partial[threads / warp_lanes];
  const std::int64_t row = blockIdx.x;
  const int column = 8 * static_cast<int>(threadIdx.x);
  const bool inside = column < p.columns;
  vector8 bits = {}, weight_bits = {};
  wait_for_previous_kernels();
  let_next_kernel_start();  // attention, whose blocks need a multiprocessor each
  if (inside) {
    bits = load8(p.x.data + row * p.x.stride + column);
    weight_bits = load8(p.weight + column);
  }
  floats8 x = widen(bits);
  const floats8 weight = widen(weight_bits);
  float squares = 0;  // zeros beyond the row
#pragma unroll
  for (int e = 0; e < 8; ++e) squares += x.value[e] * x.value[e];
  const float factor = rsqrtf(block_sum(squares, partial) / static_cast<float>(p.columns) + p.eps);
#pragma unroll
  for (int e = 0; e < 8; ++e) x.value[e] *= factor * weight.value[e];
  if (inside) store8(p.out.data + row * p.out.stride + column, narrow(x));
}

}  // namespace

void rms_norm(const rms_norm_params& p, cudaStream_t stream) {
  constexpr const char* name = "rms_norm";
  require_row(name, p.rows, p.columns, most_row_columns);
  require_aligned(name, "x", p.x);
  require_aligned(name, "out", p.out);
  if (p.rows == 0) return;
  const int threads = (p.columns / 8 + warp_lanes - 1) / warp_lanes * warp_lanes;
  const auto rows = static_cast<unsigned>(p.rows);
  if (threads <= narrow_threads)
    launch_dependent(rms_norm_kernel<narrow_threads, narrow_blocks>, rows, threads, stream, p);
  else
    launch_dependent(rms_norm_kernel<most_threads, 1>, rows, threads, stream, p);
  check_launch(name);
}

}  // namespace kernels
