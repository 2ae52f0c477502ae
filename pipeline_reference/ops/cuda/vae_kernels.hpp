#pragma once
// Plain kernels of the video decoder: what surrounds the matrix products that its convolutions are
// turned into. Channels are multiples of 8 unless said otherwise.

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstdint>

namespace ops::cuda {

// The values that each output pixel of one frame needs, side by side: patches[pixel][tap][channel],
// taps in the order (time, row, column). Zeros beyond the frame; frames before x come from `cache`.
struct gather_patches_params {
  const __nv_bfloat16* x = nullptr;      // [T, height, width, channels]
  const __nv_bfloat16* cache = nullptr;  // [kernel_t - 1, height, width, channels]
  __nv_bfloat16* patches = nullptr;      // [pixels, taps * channels]
  std::int64_t frame = 0;
  int height = 0, width = 0, channels = 0;
  int kernel_t = 1, kernel_h = 1, kernel_w = 1;
  int enlarge = 1;                           // 2: every pixel of x is repeated in both directions
  std::int64_t first_pixel = 0, pixels = 0;  // of the output frame
};
void gather_patches(const gather_patches_params& p, cudaStream_t stream);

// The first `columns` of every row of `from`, whose rows are `stride` apart; any number.
void pack_columns(const __nv_bfloat16* from, std::int64_t stride, __nv_bfloat16* to,
                  std::int64_t rows, std::int64_t columns, cudaStream_t stream);

// out = x / max(|x|, 1e-12) * sqrt(channels) * gamma over the channels of a pixel, then SiLU.
void pixel_norm(const __nv_bfloat16* x, const float* gamma, __nv_bfloat16* out, std::int64_t pixels,
                std::int64_t channels, bool silu, cudaStream_t stream);

// Rows of probabilities from rows of scores; `to` has rows of `to_stride`, any number of columns.
void softmax_rows(const float* scores, __nv_bfloat16* to, std::int64_t to_stride, std::int64_t rows,
                  std::int64_t columns, cudaStream_t stream);

// out[t][pixel][c] = latents[t][c][pixel] * std[c] + mean[c]; any number of channels.
void denormalise_latents(const float* latents, const float* mean, const float* std,
                         __nv_bfloat16* out, std::int64_t frames, std::int64_t channels,
                         std::int64_t pixels, cudaStream_t stream);

// [-1, 1] to 0..255, clamped, the fraction dropped; NaN becomes 0.
void pixels_from_values(const __nv_bfloat16* x, std::uint8_t* pixels, std::int64_t count,
                        cudaStream_t stream);

}  // namespace ops::cuda
