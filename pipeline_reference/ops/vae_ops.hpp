#pragma once
// The operations of the video decoder, at the granularity at which a back end can fuse them. The
// rules of transformer_ops.hpp hold here too: stream order, no allocation, the caller checks
// shapes.
//
// Activations are channels-last, [T, H, W, C], contiguous. A convolution is then a matrix product
// whose inner dimension (tap, input channel) is dense for each tap: a pixel's channels are one
// aligned run for vector loads, and boxes of [rows, columns, channels] are what a tensor-map load
// fetches, with its zero fill as the spatial padding. Channel-first would need a transposition per
// tap. T counts the latent or pixel frames of one call at the level's own rate.

#include <cstdint>

#include "pipeline_reference/ops/tensor.hpp"

namespace ops {

// How a convolution places its outputs.
enum class conv_kind : std::uint8_t {
  plain,       // out[t][y][x]
  time_pairs,  // output channels [0, C) are frame 2t of the result, channels [C, 2C) frame 2t + 1
  upsample     // the input is first enlarged to [T, 2H, 2W] by repeating pixels
};

// Kernels are odd in every dimension; spatial padding is k / 2 zeros on each side; time is padded
// on the left only, by the cached frames.
struct conv_shape {
  std::int64_t in_channels = 0, out_channels = 0;
  std::int64_t kernel_t = 1, kernel_h = 1, kernel_w = 1;
  conv_kind kind = conv_kind::plain;
};

// Weights and bias in the back end's own layout, made once per convolution by pack_conv.
struct pack_conv_params {
  conv_shape conv;
  const float* weight = nullptr;  // host, [out, in, kernel_t, kernel_h, kernel_w], as published
  const float* bias = nullptr;    // host, [out]
  tensor packed;                  // [packed_conv_elements(conv)], dtype storage()
};

// out = conv(frames before x | x) + bias (+ residual). `cache` holds the kernel_t - 1 input frames
// that came before x (zeros at the start of a clip) and afterwards the last kernel_t - 1 seen.
struct conv3d_causal_params {
  conv_shape conv;        // conv_kind::plain or time_pairs
  const_tensor packed;    // of the same conv
  const_tensor x;         // [T, H, W, in]
  tensor cache;           // [kernel_t - 1, H, W, in], updated; absent when kernel_t is 1
  const_tensor residual;  // shape of out, optional, may be `out`; only with conv_kind::plain
  tensor out;             // [T, H, W, out], or [2T, H, W, out / 2] with conv_kind::time_pairs
};

// out = conv2d 3x3 of every frame, enlarged twice in height and width by repeating pixels.
struct upsample_conv_params {
  conv_shape conv;      // {in, out, 1, 3, 3, conv_kind::upsample}
  const_tensor packed;  // of the same conv
  const_tensor x;       // [T, H, W, in]
  tensor out;           // [T, 2H, 2W, out]
};

// out = x / max(|x|, 1e-12) * sqrt(C) * gamma over the C channels of a pixel, then SiLU if asked.
struct rms_norm_silu_params {
  const_tensor x;      // [..., C]
  const_tensor gamma;  // f32 [C]
  tensor out;          // shape of x, may be x
  bool silu = true;
};

// out = softmax(q k^T / sqrt(C)) v among the pixels of each frame: one head, no mask.
struct spatial_attention_params {
  const_tensor qkv;  // [T, pixels, 3 * C]: q | k | v
  tensor out;        // [T, pixels, C]
};

// out[t][y][x][c] = latents[t][c][y][x] * std[c] + mean[c]
struct denormalise_params {
  const_tensor latents;    // f32 [T, C, H, W]
  const_tensor mean, std;  // f32 [C]
  tensor out;              // [T, H, W, C], dtype storage()
};

// Clamps to [-1, 1] and maps that to 0..255, dropping the fraction as the published pipeline does;
// NaN becomes 0.
struct to_pixels_params {
  const_tensor x;  // [T, H, W, 3], dtype storage()
  tensor pixels;   // u8, same shape
};

class vae_ops {
 public:
  virtual ~vae_ops() = default;

  // dtype of packed weights and activations.
  [[nodiscard]] virtual dtype storage() const noexcept = 0;
  [[nodiscard]] virtual std::int64_t packed_conv_elements(const conv_shape& conv) const = 0;
  // Enough for convolutions with up to `row_values` = (width + 2) * input channels values per
  // padded row, and for attention among up to `attended_pixels`.
  [[nodiscard]] virtual std::int64_t workspace_bytes(std::int64_t row_values,
                                                     std::int64_t attended_pixels) const = 0;

  virtual void pack_conv(const pack_conv_params& p, stream s) = 0;  // may allocate: at load only
  virtual void conv3d_causal(const conv3d_causal_params& p, stream s, workspace w) = 0;
  virtual void upsample_conv(const upsample_conv_params& p, stream s, workspace w) = 0;
  virtual void rms_norm_silu(const rms_norm_silu_params& p, stream s, workspace w) = 0;
  virtual void spatial_attention(const spatial_attention_params& p, stream s, workspace w) = 0;
  virtual void denormalise(const denormalise_params& p, stream s, workspace w) = 0;
  virtual void to_pixels(const to_pixels_params& p, stream s, workspace w) = 0;
};

}  // namespace ops
