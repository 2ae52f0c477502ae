// A launch takes a few microseconds whatever it moves, so threads are many and each has little to
// wait for: one vector of a row of patches. Neighbouring threads take what lies side by side in a
// row, and then the next patch, so that sectors are moved whole on both sides. What stands between
// a launch and its first load counts as well: where to load from takes patchify no division.
#include "kernels/patch/patch.hpp"

#include "kernels/dependent_launch.cuh"
#include "kernels/vector8.cuh"

namespace kernels {
namespace {

constexpr int threads = 128;

// A block of patchify takes 8 channels of 32 patches side by side, a thread two channels of a
// patch: 8 features. A warp then reads 64 bytes in a row and writes as many.
constexpr int block_channels = 8, thread_channels = 2;
constexpr int patch_threads = block_channels / thread_channels;
constexpr int block_patches = threads / patch_threads;

// The grid is (parts of a row of patches, rows, eighths of the channels of all latent frames).
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
  const unsigned eighths = static_cast<unsigned>(s.channels) / block_channels;
  const unsigned latent_frame = blockIdx.z / eighths, eighth = blockIdx.z - latent_frame * eighths;
  const std::int64_t token =
      (std::int64_t{latent_frame} * s.patch_rows + row) * s.patch_columns + column;
  store8(p.rows.data + token * p.rows.stride + 4 * block_channels * eighth + 8 * part, v);
}

// Where a thread of unpatchify works, which takes 4 channels of one line of a patch: the grid is
// (parts of all patches of a latent frame, latent frames * lines).
constexpr int channels_out = 4;
struct patch_place {
  int patch, row, column, part;
};

__device__ __forceinline__ bool locate(const patch_sizes& s, int parts, patch_place& at) {
  const unsigned thread = blockIdx.x * threads + threadIdx.x;
  const auto of_patch = static_cast<unsigned>(parts),
             columns = static_cast<unsigned>(s.patch_columns);
  const unsigned patch = thread / of_patch, row = patch / columns;
  at = {static_cast<int>(patch), static_cast<int>(row), static_cast<int>(patch - row * columns),
        static_cast<int>(thread - patch * of_patch)};
  return at.row < s.patch_rows;
}

// Position of the left pixel of line dh of a patch.
__device__ __forceinline__ std::int64_t pixel(const patch_sizes& s, const patch_place& at,
                                              int latent_frame, int channel, int dh) {
  const std::int64_t plane = std::int64_t{latent_frame} * s.channels + channel;
  return ((plane * 2 * s.patch_rows) + 2 * at.row + dh) * 2 * s.patch_columns + 2 * at.column;
}

// Four values of bf16.
__device__ __forceinline__ float4 load4(const __nv_bfloat16* from) {
  const uint2 bits = *reinterpret_cast<const uint2*>(from);
  const float2 low = __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162*>(&bits.x)),
               high = __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162*>(&bits.y));
  return make_float4(low.x, low.y, high.x, high.y);
}

__global__ void __launch_bounds__(threads) unpatchify_kernel(const unpatchify_params p) {
  wait_for_previous_kernels();
  let_next_kernel_start();  // renoise, which draws numbers before it needs this one's
  const patch_sizes& s = p.sizes;
  patch_place at;
  if (!locate(s, s.channels / channels_out, at)) return;
  const int latent_frame = static_cast<int>(blockIdx.y) / 2, dh = static_cast<int>(blockIdx.y) % 2;
  const int channel = at.part * channels_out;
  const std::int64_t token = std::int64_t{latent_frame} * s.patch_rows * s.patch_columns + at.patch;
  const __nv_bfloat16* const from =
      p.rows.data + token * p.rows.stride + dh * 2 * s.channels + channel;
  const float4 left = load4(from), right = load4(from + s.channels);
  float* const to = p.latent + pixel(s, at, latent_frame, channel, dh);
  const std::int64_t plane = std::int64_t{4} * s.patch_rows * s.patch_columns;
  const auto write = [&](int c, float l, float r) {
    *reinterpret_cast<float2*>(to + c * plane) = make_float2(l, r);
  };
  write(0, left.x, right.x);
  write(1, left.y, right.y);
  write(2, left.z, right.z);
  write(3, left.w, right.w);
}

void validate(const char* name, const patch_sizes& s, const void* latent) {
  require_vectors(name, "channels", s.channels);
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
  const int needed = s.patch_rows * s.patch_columns * (s.channels / channels_out);
  const dim3 blocks(static_cast<unsigned>((needed + threads - 1) / threads),
                    static_cast<unsigned>(s.latent_frames * 2));
  launch_dependent(unpatchify_kernel, blocks, threads, stream, p);
  check_launch("unpatchify");
}

}  // namespace kernels
