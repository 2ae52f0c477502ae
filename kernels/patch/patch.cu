// A launch takes a few microseconds whatever it moves, so threads are many and each has little to
// wait for: one vector of a row of patches. Neighbouring threads take what lies side by side in a
// row, and then the next patch, so that sectors are moved whole on both sides.
#include "kernels/patch/patch.hpp"

#include "kernels/dependent_launch.cuh"
#include "kernels/vector8.cuh"

namespace kernels {
namespace {

constexpr int threads = 128;
constexpr int channels_in = 2;   // of a thread of patchify: 8 features
constexpr int channels_out = 4;  // of a thread of unpatchify: 8 features, of one line of the patch

// Where a thread works: the grid is (parts of all patches of a latent frame, latent frames *
// lines).
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

__global__ void __launch_bounds__(threads) patchify_kernel(const patchify_params p) {
  wait_for_previous_kernels();
  const patch_sizes& s = p.sizes;
  patch_place at;
  if (!locate(s, s.channels / channels_in, at)) return;
  const auto latent_frame = static_cast<int>(blockIdx.y);
  const int channel = at.part * channels_in, line = 2 * s.patch_columns;
  const float* const from = p.latent + pixel(s, at, latent_frame, channel, 0);
  const std::int64_t plane = std::int64_t{line} * 2 * s.patch_rows;
  float2 pairs[channels_in][2];
#pragma unroll
  for (int c = 0; c < channels_in; ++c)
#pragma unroll
    for (int dh = 0; dh < 2; ++dh)
      pairs[c][dh] = *reinterpret_cast<const float2*>(from + c * plane + dh * line);
  vector8 v;
#pragma unroll
  for (int i = 0; i < 4; ++i)
    v.pair[i] = __floats2bfloat162_rn(pairs[i / 2][i % 2].x, pairs[i / 2][i % 2].y);
  const std::int64_t token = std::int64_t{latent_frame} * s.patch_rows * s.patch_columns + at.patch;
  store8(p.rows.data + token * p.rows.stride + 8 * at.part, v);
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

dim3 validated_blocks(const char* name, const patch_sizes& s, const void* latent, int parts,
                      int lines) {
  require_vectors(name, "channels", s.channels);
  if (reinterpret_cast<std::uintptr_t>(latent) % 8 != 0) reject(name, "the latent is not aligned");
  if (s.latent_frames < 1 || s.patch_rows < 1 || s.patch_columns < 1)
    reject(name, "a size is not positive");
  const std::int64_t needed = std::int64_t{s.patch_rows} * s.patch_columns * parts;
  if (needed > INT32_MAX) reject(name, "more than 2^31 values of a latent frame");
  return {static_cast<unsigned>((needed + threads - 1) / threads),
          static_cast<unsigned>(s.latent_frames * lines)};
}

}  // namespace

void patchify(const patchify_params& p, cudaStream_t stream) {
  const dim3 blocks =
      validated_blocks("patchify", p.sizes, p.latent, p.sizes.channels / channels_in, 1);
  require_aligned("patchify", "rows", p.rows);
  launch_dependent(patchify_kernel, blocks, threads, stream, p);
  check_launch("patchify");
}

void unpatchify(const unpatchify_params& p, cudaStream_t stream) {
  const dim3 blocks =
      validated_blocks("unpatchify", p.sizes, p.latent, p.sizes.channels / channels_out, 2);
  require_aligned("unpatchify", "rows", p.rows);
  launch_dependent(unpatchify_kernel, blocks, threads, stream, p);
  check_launch("unpatchify");
}

}  // namespace kernels
