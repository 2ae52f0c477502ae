// A block per 128 rows of one head: 128 x 128 numbers stay in registers between the search for the
// largest and the conversion. A thread holds 8 columns of 16 rows, which in transposed values are
// 16 bytes of each column: nothing goes from thread to thread but the largest number.
#include <stdexcept>
#include <string>

#include "kernels/attention/device_sm90.hpp"
#include "kernels/attention_fp8/e4m3.cuh"
#include "kernels/attention_fp8/layout.hpp"
#include "kernels/attention_fp8/quantize.hpp"
#include "kernels/attention_fp8/quantize_threads.hpp"
#include "kernels/dependent_launch.cuh"
#include "kernels/vector8.cuh"

namespace kernels {

namespace {

// 16 rows of a vector: what a thread holds.
struct rows_of_thread {
  vector8 row[fp8::thread_rows];
};

// The largest |x| of finite numbers is kept as its bits, plus 0x80: that makes infinity and NaN
// negative numbers of 16 bits, and no finite number of bf16.
constexpr std::uint32_t above_infinity = 0x0080;

// The larger ones of `largest` and v, in each half of a word.
__device__ __forceinline__ std::uint32_t largest_of(const vector8& v, std::uint32_t largest) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const std::uint32_t magnitudes =
        *reinterpret_cast<const std::uint32_t*>(&v.pair[i]) & 0x7FFF7FFFu;
    largest = __viaddmax_s16x2(magnitudes, above_infinity * 0x10001u, largest);
  }
  return largest;
}

// Times a power of two; infinity becomes NaN, as its product with zero is.
__device__ __forceinline__ void scale(vector8& v, __nv_bfloat162 by) {
  const __nv_bfloat162 zero{};
#pragma unroll
  for (__nv_bfloat162& pair : v.pair) pair = __hfma2(pair, by, __hmul2(pair, zero));
}

// Loads the block's rows, finds their exponent, writes it, and scales the rows. What a kernel does
// first.
__device__ __forceinline__ rows_of_thread load_scaled(const quantize_params& p, int first_row) {
  const int group = blockIdx.x, head = blockIdx.y, batch = blockIdx.z;
  const __nv_bfloat16* from = p.from.data + batch * p.from.batch_stride +
                              head * p.from.head_stride + first_row * p.from.token_stride +
                              fp8::first_column(threadIdx.x);
  rows_of_thread rows;
  wait_for_previous_kernels();
#pragma unroll
  for (int r = 0; r < fp8::thread_rows; ++r, from += p.from.token_stride)
    rows.row[r] = first_row + r < p.tokens ? load8(from) : vector8{};

  std::uint32_t halves = above_infinity * 0x10001u;
#pragma unroll
  for (const vector8& row : rows.row) halves = largest_of(row, halves);
  __shared__ std::uint32_t of_warps[fp8::quantize_threads / warp_lanes];
  std::uint32_t largest = __reduce_max_sync(0xffffffff, max(halves & 0xFFFFu, halves >> 16));
  if (threadIdx.x % warp_lanes == 0) of_warps[threadIdx.x / warp_lanes] = largest;
  __syncthreads();
#pragma unroll
  for (const std::uint32_t other : of_warps) largest = max(largest, other);
  const int exponent = fp8::exponent_for((largest - above_infinity) << 16);
  if (threadIdx.x == 0)
    p.exponents[(static_cast<std::int64_t>(batch) * p.heads + head) * gridDim.x + group] = exponent;
  const __nv_bfloat162 by = __float2bfloat162_rn(__uint_as_float(fp8::bits_of_power(-exponent)));
#pragma unroll
  for (vector8& row : rows.row) scale(row, by);
  return rows;
}

__global__ void __launch_bounds__(fp8::quantize_threads)
    rows_kernel(const quantize_params p, const attention_tensor<__nv_fp8_e4m3> to) {
  const int first_row = blockIdx.x * fp8::group_rows + fp8::first_row(threadIdx.x);
  __nv_fp8_e4m3* out = to.data + blockIdx.z * to.batch_stride + blockIdx.y * to.head_stride +
                       first_row * to.token_stride + fp8::first_column(threadIdx.x);
  const rows_of_thread rows = load_scaled(p, first_row);
#pragma unroll
  for (int r = 0; r < fp8::thread_rows; ++r, out += to.token_stride) {
    if (first_row + r >= p.tokens) return;
    const floats8 x = widen(rows.row[r]);
    *reinterpret_cast<uint2*>(out) =
        make_uint2(fp8::pack_e4m3(x.value[0], x.value[1], x.value[2], x.value[3]),
                   fp8::pack_e4m3(x.value[4], x.value[5], x.value[6], x.value[7]));
  }
}

__global__ void __launch_bounds__(fp8::quantize_threads)
    values_kernel(const quantize_params p, const transposed_tensor<__nv_fp8_e4m3> to) {
  const int first_row = blockIdx.x * fp8::group_rows + fp8::first_row(threadIdx.x);
  __nv_fp8_e4m3* out = to.data + blockIdx.z * to.batch_stride + blockIdx.y * to.head_stride +
                       fp8::first_column(threadIdx.x) * to.dim_stride + first_row;
  const rows_of_thread rows = load_scaled(p, first_row);
#pragma unroll
  for (int c = 0; c < fp8::thread_columns; ++c, out += to.dim_stride) {
    const auto at = [&](int position) { return widen(rows.row[fp8::key_at(position)]).value[c]; };
    const auto word = [&](int i) { return fp8::pack_e4m3(at(i), at(i + 1), at(i + 2), at(i + 3)); };
    *reinterpret_cast<uint4*>(out) = make_uint4(word(0), word(4), word(8), word(12));
  }
}

template <class To>
void launch(void (*kernel)(quantize_params, To), const quantize_params& p, const To& to,
            bool aligned, cudaStream_t stream) {
  if (!aligned || reinterpret_cast<std::uintptr_t>(p.from.data) % 16 != 0 ||
      p.from.batch_stride % 8 != 0 || p.from.token_stride % 8 != 0 || p.from.head_stride % 8 != 0)
    throw std::invalid_argument("quantize: rows are not at multiples of 16 bytes");
  if (p.batch <= 0 || p.heads <= 0 || p.tokens <= 0) return;
  launch_dependent(kernel, dim3(fp8::groups(p.tokens), p.heads, p.batch), fp8::quantize_threads,
                   stream, p, to);
  sm90::check(cudaGetLastError(), "launch of quantize");
}

}  // namespace

void quantize_rows(const quantize_params& p, const attention_tensor<__nv_fp8_e4m3>& to,
                   cudaStream_t stream) {
  const bool aligned = reinterpret_cast<std::uintptr_t>(to.data) % 8 == 0 &&
                       to.batch_stride % 8 == 0 && to.token_stride % 8 == 0 &&
                       to.head_stride % 8 == 0;
  launch(rows_kernel, p, to, aligned, stream);
}

void quantize_values(const quantize_params& p, const transposed_tensor<__nv_fp8_e4m3>& to,
                     cudaStream_t stream) {
  const bool aligned = reinterpret_cast<std::uintptr_t>(to.data) % 16 == 0 &&
                       to.batch_stride % 16 == 0 && to.head_stride % 16 == 0 &&
                       to.dim_stride % 16 == 0;
  launch(values_kernel, p, to, aligned, stream);
}

}  // namespace kernels
