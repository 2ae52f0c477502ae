// A launch takes a few microseconds whatever it moves, so threads are many and each has little to
// wait for: one vector of a row of patches. Neighbouring threads take what lies side by side in a
// row, and then the next patch, so that sectors are moved whole on both sides. What stands between
// a launch and its first load counts as well: where to load from takes no division.
#include "kernels/patch/patch.hpp"

#include <algorithm>

#include "kernels/dependent_launch.cuh"
#include "kernels/vector8.cuh"

namespace kernels {
namespace {

constexpr int threads = 128;
constexpr int channels_out = 4, most_threads_out = 1024;  // of unpatchify
constexpr int most_channels = channels_out * most_threads_out;

// A block of patchify takes 8 channels of 32 patches side by side, a thread two channels of a
// patch: 8 features. A warp then reads 64 bytes in a row and writes as many.
constexpr int block_channels = 8, thread_channels = 2;
constexpr int patch_threads = block_channels / thread_channels;
constexpr int block_patches = threads / patch_threads;

// The grid is (parts of a row of patches, rows, groups of 8 channels of all latent frames).
__global__ void __launch_bounds__(threads) patchify_kernel(const patchify_params p) {
  const patch_sizes& s = p.sizes;
  const auto column = static_cast<int>(blockIdx.x * block_patches + threadIdx.y);
  const auto row = static_cast<int>(blockIdx.y), part = static_cast<int>(threadIdx.x);
  const int line = 2 * s.patch_columns, plane = 2 * s.patch_rows * line;
  const auto channel = static_cast<int>(blockIdx.z) * block_channels + part * thread_channels;
  const float* const from = p.latent + std::int64_t{channel} * plane + 2 * row * line + 2 * column;
  wait_for_previous_kernels();
  if (column >= s.patch_columns) return;
  float2 pairs[thread_channels][2];
#pragma unroll
  for (int c = 0; c < thread_channels; ++c)
#pragma unroll
    for (int dh = 0; dh < 2; ++dh)
      pairs[c][dh] = *reinterpret_cast<const float2*>(from + c * plane + dh * line);
  vector8 v;
#pragma unroll
  for (int i = 0; i < 4; ++i)
    v.pair[i] = __floats2bfloat162_rn(pairs[i / 2][i % 2].x, pairs[i / 2][i % 2].y);
  const unsigned groups = static_cast<unsigned>(s.channels) / block_channels;
  const unsigned latent_frame = blockIdx.z / groups, group = blockIdx.z - latent_frame * groups;
  const std::int64_t token =
      (std::int64_t{latent_frame} * s.patch_rows + row) * s.patch_columns + column;
  store8(p.rows.data + token * p.rows.stride + 4 * block_channels * group + 8 * part, v);
}

// Four values of bf16.
__device__ __forceinline__ float4 load4(const __nv_bfloat16* from) {
  const uint2 bits = *reinterpret_cast<const uint2*>(from);
  const float2 low = __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162*>(&bits.x)),
               high = __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162*>(&bits.y));
  return make_float4(low.x, low.y, high.x, high.y);
}

// A thread of unpatchify takes 4 channels of one line of a patch, and a block all channels of some
// patches side by side. The grid is (parts of a row of patches, rows, lines of all latent frames).
__global__ void __launch_bounds__(most_threads_out) unpatchify_kernel(const unpatchify_params p) {
  const patch_sizes& s = p.sizes;
  const auto column = static_cast<int>(blockIdx.x * blockDim.y + threadIdx.y);
  const auto row = static_cast<int>(blockIdx.y), latent_frame = static_cast<int>(blockIdx.z) / 2,
             dh = static_cast<int>(blockIdx.z) % 2;
  const auto channel = static_cast<int>(threadIdx.x) * channels_out;
  const int line = 2 * s.patch_columns, plane = 2 * s.patch_rows * line;
  const std::int64_t token =
      (std::int64_t{latent_frame} * s.patch_rows + row) * s.patch_columns + column;
  const __nv_bfloat16* const from =
      p.rows.data + token * p.rows.stride + dh * 2 * s.channels + channel;
  float* const to = p.latent + (std::int64_t{latent_frame} * s.channels + channel) * plane +
                    (2 * row + dh) * line + 2 * column;
  wait_for_previous_kernels();
  let_next_kernel_start();  // renoise, which draws numbers before it needs this one's
  if (column >= s.patch_columns) return;
  const float4 left = load4(from), right = load4(from + s.channels);
  const auto write = [&](int c, float l, float r) {
    *reinterpret_cast<float2*>(to + std::int64_t{c} * plane) = make_float2(l, r);
  };
  write(0, left.x, right.x);
  write(1, left.y, right.y);
  write(2, left.z, right.z);
  write(3, left.w, right.w);
}

void validate(const char* name, const patch_sizes& s, const void* latent) {
  require_vectors(name, "channels", s.channels);
  if (s.channels > most_channels)
    reject(name,
           std::to_string(s.channels) + " channels, at most " + std::to_string(most_channels));
  if (reinterpret_cast<std::uintptr_t>(latent) % 8 != 0) reject(name, "the latent is not aligned");
  if (s.latent_frames < 1 || s.patch_rows < 1 || s.patch_columns < 1)
    reject(name, "a size is not positive");
  if (std::int64_t{4} * s.patch_rows * s.patch_columns > INT32_MAX / s.channels)
    reject(name, "more than 2^31 values of a latent frame");
}

}  // namespace

void patchify(const patchify_params& p, cudaStream_t stream) {
  const patch_sizes& s = p.sizes;
  validate("patchify", s, p.latent);
  require_aligned("patchify", "rows", p.rows);
  const dim3 blocks(static_cast<unsigned>((s.patch_columns + block_patches - 1) / block_patches),
                    static_cast<unsigned>(s.patch_rows),
                    static_cast<unsigned>(s.latent_frames * (s.channels / block_channels)));
  launch_dependent(patchify_kernel, blocks, dim3(patch_threads, block_patches), stream, p);
  check_launch("patchify");
}

void unpatchify(const unpatchify_params& p, cudaStream_t stream) {
  const patch_sizes& s = p.sizes;
  validate("unpatchify", s, p.latent);
  require_aligned("unpatchify", "rows", p.rows);
  const int parts = s.channels / channels_out, patches = std::max(threads / parts, 1);
  const dim3 blocks(static_cast<unsigned>((s.patch_columns + patches - 1) / patches),
                    static_cast<unsigned>(s.patch_rows),
                    static_cast<unsigned>(s.latent_frames * 2));
  launch_dependent(unpatchify_kernel, blocks,
                   dim3(static_cast<unsigned>(parts), static_cast<unsigned>(patches)), stream, p);
  check_launch("unpatchify");
}

}  // namespace kernels
