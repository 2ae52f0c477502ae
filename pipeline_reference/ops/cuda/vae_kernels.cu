#include "pipeline_reference/ops/cuda/vae_kernels.hpp"

#include "kernels/dependent_launch.cuh"
#include "kernels/rows.hpp"
#include "kernels/vector8.cuh"

namespace ops::cuda {
namespace {

using kernels::block_sum;
using kernels::floats8;
using kernels::launch_dependent;
using kernels::load8;
using kernels::narrow;
using kernels::store8;
using kernels::vector8;
using kernels::wait_for_previous_kernels;
using kernels::warp_lanes;
using kernels::widen;

constexpr int threads = 256;

unsigned blocks_for(std::int64_t items) {
  return static_cast<unsigned>((items + threads - 1) / threads);
}

__device__ std::int64_t thread_index() {
  return std::int64_t{blockIdx.x} * threads + threadIdx.x;
}

// A thread copies 8 channels of one tap of one pixel.
__global__ void gather_patches_kernel(const gather_patches_params p) {
  wait_for_previous_kernels();
  const int vectors = p.channels / 8, taps = p.kernel_t * p.kernel_h * p.kernel_w;
  const std::int64_t index = thread_index();
  const std::int64_t of_tap = index / vectors;
  const int channel = 8 * static_cast<int>(index - of_tap * vectors);
  const std::int64_t pixel = of_tap / taps;
  if (pixel >= p.pixels) return;
  const int tap = static_cast<int>(of_tap - pixel * taps);
  const int dt = tap / (p.kernel_h * p.kernel_w), dy = tap / p.kernel_w % p.kernel_h,
            dx = tap % p.kernel_w;
  const std::int64_t at = p.first_pixel + pixel;
  const int width = p.width * p.enlarge, height = p.height * p.enlarge;
  const int y = static_cast<int>(at / width) + dy - p.kernel_h / 2;
  const int x = static_cast<int>(at % width) + dx - p.kernel_w / 2;
  vector8 value = {};
  if (y >= 0 && y < height && x >= 0 && x < width) {
    const std::int64_t time = p.frame + dt - (p.kernel_t - 1);
    const __nv_bfloat16* const from = time < 0 ? p.cache : p.x;
    const std::int64_t frame = time < 0 ? time + p.kernel_t - 1 : time;
    value =
        load8(from + ((frame * p.height + y / p.enlarge) * p.width + x / p.enlarge) * p.channels +
              channel);
  }
  store8(p.patches + 8 * index, value);
}

__global__ void pack_columns_kernel(const __nv_bfloat16* from, std::int64_t stride,
                                    __nv_bfloat16* to, std::int64_t rows, std::int64_t columns) {
  wait_for_previous_kernels();
  const std::int64_t index = thread_index();
  if (index < rows * columns) to[index] = from[index / columns * stride + index % columns];
}

// A warp takes a pixel.
__global__ void pixel_norm_kernel(const __nv_bfloat16* x, const float* gamma, __nv_bfloat16* out,
                                  std::int64_t pixels, int channels, bool silu) {
  wait_for_previous_kernels();
  const int lane = threadIdx.x % warp_lanes;
  const std::int64_t pixel = thread_index() / warp_lanes;
  if (pixel >= pixels) return;
  const __nv_bfloat16* const from = x + pixel * channels;
  float squares = 0;
  for (int c = 8 * lane; c < channels; c += 8 * warp_lanes) {
    const floats8 v = widen(load8(from + c));
    for (int e = 0; e < 8; ++e) squares += v.value[e] * v.value[e];
  }
  const float factor =
      sqrtf(static_cast<float>(channels)) / fmaxf(sqrtf(kernels::warp_sum(squares)), 1e-12F);
  for (int c = 8 * lane; c < channels; c += 8 * warp_lanes) {
    floats8 v = widen(load8(from + c));
    for (int e = 0; e < 8; ++e) {
      v.value[e] *= factor * gamma[c + e];
      if (silu) v.value[e] = __fdividef(v.value[e], 1 + __expf(-v.value[e]));
    }
    store8(out + pixel * channels + c, narrow(v));
  }
}

// A block takes a row.
__global__ void softmax_kernel(const float* scores, __nv_bfloat16* to, std::int64_t to_stride,
                               std::int64_t columns) {
  __shared__ float sums[warp_lanes], highest[warp_lanes];
  wait_for_previous_kernels();
  const float* const row = scores + blockIdx.x * columns;
  float most = -INFINITY;
  for (std::int64_t i = threadIdx.x; i < columns; i += threads) most = fmaxf(most, row[i]);
  for (int offset = warp_lanes / 2; offset > 0; offset /= 2)
    most = fmaxf(most, __shfl_xor_sync(0xffffffff, most, offset));
  if (threadIdx.x % warp_lanes == 0) highest[threadIdx.x / warp_lanes] = most;
  __syncthreads();
  for (int warp = 0; warp < threads / warp_lanes; ++warp) most = fmaxf(most, highest[warp]);
  float sum = 0;
  for (std::int64_t i = threadIdx.x; i < columns; i += threads) sum += __expf(row[i] - most);
  const float factor = 1 / block_sum(sum, sums);
  for (std::int64_t i = threadIdx.x; i < columns; i += threads)
    to[blockIdx.x * to_stride + i] = __float2bfloat16(__expf(row[i] - most) * factor);
}

__global__ void denormalise_kernel(const float* latents, const float* mean, const float* std,
                                   __nv_bfloat16* out, std::int64_t frames, std::int64_t channels,
                                   std::int64_t pixels) {
  wait_for_previous_kernels();
  const std::int64_t index = thread_index();
  if (index >= frames * channels * pixels) return;
  const std::int64_t channel = index % channels, pixel = index / channels % pixels,
                     frame = index / channels / pixels;
  out[index] = __float2bfloat16(
      latents[(frame * channels + channel) * pixels + pixel] * std[channel] + mean[channel]);
}

__global__ void pixels_kernel(const __nv_bfloat16* x, std::uint8_t* pixels, std::int64_t count) {
  wait_for_previous_kernels();
  const std::int64_t index = thread_index();
  if (index >= count) return;
  const float value = __bfloat162float(x[index]);
  // Written so that NaN fails the comparison.
  const float unit = value >= -1.0F ? fminf(value, 1.0F) * 0.5F + 0.5F : 0.0F;
  pixels[index] = static_cast<std::uint8_t>(unit * 255.0F);
}

}  // namespace

void gather_patches(const gather_patches_params& p, cudaStream_t stream) {
  const std::int64_t vectors = p.pixels * p.kernel_t * p.kernel_h * p.kernel_w * (p.channels / 8);
  launch_dependent(gather_patches_kernel, blocks_for(vectors), threads, stream, p);
  kernels::check_launch("gather_patches");
}

void pack_columns(const __nv_bfloat16* from, std::int64_t stride, __nv_bfloat16* to,
                  std::int64_t rows, std::int64_t columns, cudaStream_t stream) {
  launch_dependent(pack_columns_kernel, blocks_for(rows * columns), threads, stream, from, stride,
                   to, rows, columns);
  kernels::check_launch("pack_columns");
}

void pixel_norm(const __nv_bfloat16* x, const float* gamma, __nv_bfloat16* out, std::int64_t pixels,
                std::int64_t channels, bool silu, cudaStream_t stream) {
  launch_dependent(pixel_norm_kernel, blocks_for(pixels * warp_lanes), threads, stream, x, gamma,
                   out, pixels, static_cast<int>(channels), silu);
  kernels::check_launch("pixel_norm");
}

void softmax_rows(const float* scores, __nv_bfloat16* to, std::int64_t to_stride, std::int64_t rows,
                  std::int64_t columns, cudaStream_t stream) {
  launch_dependent(softmax_kernel, static_cast<unsigned>(rows), threads, stream, scores, to,
                   to_stride, columns);
  kernels::check_launch("softmax_rows");
}

void denormalise_latents(const float* latents, const float* mean, const float* std,
                         __nv_bfloat16* out, std::int64_t frames, std::int64_t channels,
                         std::int64_t pixels, cudaStream_t stream) {
  launch_dependent(denormalise_kernel, blocks_for(frames * channels * pixels), threads, stream,
                   latents, mean, std, out, frames, channels, pixels);
  kernels::check_launch("denormalise_latents");
}

void pixels_from_values(const __nv_bfloat16* x, std::uint8_t* pixels, std::int64_t count,
                        cudaStream_t stream) {
  launch_dependent(pixels_kernel, blocks_for(count), threads, stream, x, pixels, count);
  kernels::check_launch("pixels_from_values");
}

}  // namespace ops::cuda
