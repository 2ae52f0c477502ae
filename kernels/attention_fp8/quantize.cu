// A block per 128 rows of one head: 128 x 128 numbers stay in registers between the search for the
// largest and the conversion. A thread holds 8 columns of 8 rows, two quads of them that lie in a
// row in transposed values.
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

struct group_of_rows {
  vector8 row[fp8::passes][4];
};

// Bits of |x| of a bf16 number; infinity and NaN are the biggest.
__device__ __forceinline__ std::uint32_t magnitude(__nv_bfloat16 x) {
  return __bfloat16_as_ushort(x) & 0x7FFFu;
}
constexpr std::uint32_t infinity_bits = 0x7F80;

__device__ __forceinline__ std::uint32_t largest_of(const vector8& v) {
  std::uint32_t largest = 0;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const std::uint32_t low = magnitude(v.pair[i].x), high = magnitude(v.pair[i].y);
    if (low < infinity_bits) largest = max(largest, low);
    if (high < infinity_bits) largest = max(largest, high);
  }
  return largest;
}

__device__ __forceinline__ floats8 scaled(const vector8& v, float by) {
  floats8 x = widen(v);
#pragma unroll
  for (float& value : x.value) value = isfinite(value) ? value * by : NAN;
  return x;
}

// Loads the block's rows, finds their exponent, and writes it. What a kernel does first.
__device__ __forceinline__ group_of_rows load_group(const quantize_params& p, float& by) {
  wait_for_previous_kernels();
  const int group = blockIdx.x, head = blockIdx.y, batch = blockIdx.z;
  const int column = fp8::first_column(threadIdx.x);
  const __nv_bfloat16* const from =
      p.from.data + batch * p.from.batch_stride + head * p.from.head_stride + column;
  group_of_rows rows;
  std::uint32_t largest = 0;
#pragma unroll
  for (int i = 0; i < fp8::passes; ++i)
#pragma unroll
    for (int b = 0; b < 4; ++b) {
      const int token = group * fp8::group_rows + fp8::row_of_quad(fp8::quad_of(threadIdx.x, i), b);
      rows.row[i][b] = token < p.tokens ? load8(from + token * p.from.token_stride) : vector8{};
      largest = max(largest, largest_of(rows.row[i][b]));
    }
  __shared__ std::uint32_t of_warps[fp8::quantize_threads / warp_lanes];
  largest = __reduce_max_sync(0xffffffff, largest);
  if (threadIdx.x % warp_lanes == 0) of_warps[threadIdx.x / warp_lanes] = largest;
  __syncthreads();
#pragma unroll
  for (const std::uint32_t other : of_warps) largest = max(largest, other);
  const int exponent = fp8::exponent_for(largest << 16);
  by = __uint_as_float(fp8::bits_of_power(-exponent));
  if (threadIdx.x == 0)
    p.exponents[(static_cast<std::int64_t>(batch) * p.heads + head) * gridDim.x + group] = exponent;
  return rows;
}

__global__ void __launch_bounds__(fp8::quantize_threads)
    rows_kernel(const quantize_params p, const attention_tensor<__nv_fp8_e4m3> to) {
  float by;
  const group_of_rows rows = load_group(p, by);
  const int column = fp8::first_column(threadIdx.x);
  __nv_fp8_e4m3* const first =
      to.data + blockIdx.z * to.batch_stride + blockIdx.y * to.head_stride + column;
#pragma unroll
  for (int i = 0; i < fp8::passes; ++i)
#pragma unroll
    for (int b = 0; b < 4; ++b) {
      const int token =
          blockIdx.x * fp8::group_rows + fp8::row_of_quad(fp8::quad_of(threadIdx.x, i), b);
      const floats8 x = scaled(rows.row[i][b], by);
      const uint2 bytes =
          make_uint2(fp8::pack_e4m3(x.value[0], x.value[1], x.value[2], x.value[3]),
                     fp8::pack_e4m3(x.value[4], x.value[5], x.value[6], x.value[7]));
      if (token < p.tokens) *reinterpret_cast<uint2*>(first + token * to.token_stride) = bytes;
    }
}

__global__ void __launch_bounds__(fp8::quantize_threads)
    values_kernel(const quantize_params p, const transposed_tensor<__nv_fp8_e4m3> to) {
  __shared__ std::uint32_t words[128 * fp8::words_of_column];
  float by;
  const group_of_rows rows = load_group(p, by);
  const int column = fp8::first_column(threadIdx.x);
#pragma unroll
  for (int i = 0; i < fp8::passes; ++i) {
    floats8 x[4];
#pragma unroll
    for (int b = 0; b < 4; ++b) x[b] = scaled(rows.row[i][b], by);
#pragma unroll
    for (int c = 0; c < fp8::thread_columns; ++c)
      words[fp8::place_of_word(column + c, fp8::quad_of(threadIdx.x, i))] =
          fp8::pack_e4m3(x[0].value[c], x[1].value[c], x[2].value[c], x[3].value[c]);
  }
  __syncthreads();
  __nv_fp8_e4m3* const first = to.data + blockIdx.z * to.batch_stride +
                               blockIdx.y * to.head_stride + blockIdx.x * fp8::group_rows;
#pragma unroll
  for (int i = 0; i < fp8::writes; ++i) {
    const int dim = fp8::column_to_write(threadIdx.x, i);
    const int quad = fp8::first_quad_to_write(threadIdx.x);
    const auto word = [&](int j) { return words[fp8::place_of_word(dim, quad + j)]; };
    *reinterpret_cast<uint4*>(first + dim * to.dim_stride + 4 * quad) =
        make_uint4(word(0), word(1), word(2), word(3));
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
