// Neighbouring threads take neighbouring patches of a row, so that both pixels of a patch's line,
// 8 bytes, lie beside those of the next. A thread moves 16 values: two vectors of a row of patches,
// which fill a sector of 32 bytes.
#include "kernels/patch/patch.hpp"
#include "kernels/vector8.cuh"

namespace kernels {
namespace {

constexpr int columns_of_block = 32, rows_of_block = 4;
constexpr int channels_in = 4;   // of a thread of patchify: 16 features
constexpr int channels_out = 8;  // of a thread of unpatchify: 16 features

// Where a thread works: the grid is (columns, rows, latent frames * groups), so nothing is divided
// but the last.
struct patch_place {
  std::int64_t token;
  int latent_frame, row, column, group;
};

__device__ __forceinline__ bool locate(const patch_sizes& s, int groups, patch_place& at) {
  at.column = static_cast<int>(blockIdx.x * columns_of_block + threadIdx.x);
  at.row = static_cast<int>(blockIdx.y * rows_of_block + threadIdx.y);
  at.latent_frame = static_cast<int>(blockIdx.z) / groups;
  at.group = static_cast<int>(blockIdx.z) - at.latent_frame * groups;
  at.token = (std::int64_t{at.latent_frame} * s.patch_rows + at.row) * s.patch_columns + at.column;
  return at.column < s.patch_columns && at.row < s.patch_rows;
}

// Position of the left pixel of line dh of a patch.
__device__ __forceinline__ std::int64_t pixel(const patch_sizes& s, const patch_place& at,
                                              int channel, int dh) {
  const std::int64_t plane = std::int64_t{at.latent_frame} * s.channels + channel;
  return ((plane * 2 * s.patch_rows) + 2 * at.row + dh) * 2 * s.patch_columns + 2 * at.column;
}

__global__ void __launch_bounds__(columns_of_block* rows_of_block)
    patchify_kernel(const patchify_params p) {
  patch_place at;
  if (!locate(p.sizes, p.sizes.channels / channels_in, at)) return;
  float2 pairs[channels_in][2];
#pragma unroll
  for (int c = 0; c < channels_in; ++c)
#pragma unroll
    for (int dh = 0; dh < 2; ++dh)
      pairs[c][dh] = *reinterpret_cast<const float2*>(
          p.latent + pixel(p.sizes, at, at.group * channels_in + c, dh));
  __nv_bfloat16* const to = p.rows.data + at.token * p.rows.stride + at.group * 4 * channels_in;
#pragma unroll
  for (int c = 0; c < channels_in; c += 2) {
    vector8 v;
#pragma unroll
    for (int i = 0; i < 4; ++i)
      v.pair[i] = __floats2bfloat162_rn(pairs[c + i / 2][i % 2].x, pairs[c + i / 2][i % 2].y);
    store8(to + 4 * c, v);
  }
}

__global__ void __launch_bounds__(columns_of_block* rows_of_block)
    unpatchify_kernel(const unpatchify_params p) {
  const int channel_groups = p.sizes.channels / channels_out;
  patch_place at;
  if (!locate(p.sizes, 2 * channel_groups, at)) return;
  const int dh = at.group / channel_groups;
  const int channel = at.group % channel_groups * channels_out;
  const __nv_bfloat16* const from =
      p.rows.data + at.token * p.rows.stride + dh * 2 * p.sizes.channels + channel;
  const floats8 left = widen(load8(from)), right = widen(load8(from + p.sizes.channels));
#pragma unroll
  for (int c = 0; c < channels_out; ++c)
    *reinterpret_cast<float2*>(p.latent + pixel(p.sizes, at, channel + c, dh)) =
        make_float2(left.value[c], right.value[c]);
}

constexpr dim3 threads() {
  return dim3(columns_of_block, rows_of_block);
}

dim3 validated_blocks(const char* name, const patch_sizes& s, const void* latent, int groups) {
  require_vectors(name, "channels", s.channels);
  if (reinterpret_cast<std::uintptr_t>(latent) % 8 != 0) reject(name, "the latent is not aligned");
  if (s.latent_frames < 1 || s.patch_rows < 1 || s.patch_columns < 1)
    reject(name, "a size is not positive");
  const auto blocks = [](int all, int of_block) {
    return static_cast<unsigned>((all + of_block - 1) / of_block);
  };
  return {blocks(s.patch_columns, columns_of_block), blocks(s.patch_rows, rows_of_block),
          static_cast<unsigned>(s.latent_frames * groups)};
}

}  // namespace

void patchify(const patchify_params& p, cudaStream_t stream) {
  const dim3 blocks =
      validated_blocks("patchify", p.sizes, p.latent, p.sizes.channels / channels_in);
  require_aligned("patchify", "rows", p.rows);
  patchify_kernel<<<blocks, threads(), 0, stream>>>(p);
  check_launch("patchify");
}

void unpatchify(const unpatchify_params& p, cudaStream_t stream) {
  const dim3 blocks =
      validated_blocks("unpatchify", p.sizes, p.latent, 2 * (p.sizes.channels / channels_out));
  require_aligned("unpatchify", "rows", p.rows);
  unpatchify_kernel<<<blocks, threads(), 0, stream>>>(p);
  check_launch("unpatchify");
}

}  // namespace kernels
