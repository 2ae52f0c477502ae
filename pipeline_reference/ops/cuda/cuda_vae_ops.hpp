#pragma once
// The video decoder's operations on a CUDA device, plain and correct: a convolution gathers the
// values that each output pixel needs, some pixels at a time, and is a matrix product then. That
// moves 27 times the bytes of its input; convolutions that do not are still to come. bf16 storage,
// fp32 accumulation; channels are multiples of 8, but for the output of the last convolution.

#include "pipeline_reference/ops/cuda/cuda_memory.hpp"
#include "pipeline_reference/ops/cuda/matrix_products.hpp"
#include "pipeline_reference/ops/cuda/own_stream.hpp"
#include "pipeline_reference/ops/vae_ops.hpp"

namespace ops::cuda {

class cuda_vae_ops final : public vae_ops {
 public:
  cuda_vae_ops(const own_stream& own, memory& where, matrix_products& products)
      : own_(own), memory_(where), products_(products) {}

  [[nodiscard]] dtype storage() const noexcept override { return dtype::bf16; }
  [[nodiscard]] std::int64_t packed_conv_elements(const conv_shape& conv) const override;
  [[nodiscard]] std::int64_t workspace_bytes(std::int64_t row_values,
                                             std::int64_t attended_pixels) const override;

  void pack_conv(const pack_conv_params& p, stream s) override;
  void conv3d_causal(const conv3d_causal_params& p, stream s, workspace w) override;
  void upsample_conv(const upsample_conv_params& p, stream s, workspace w) override;
  void rms_norm_silu(const rms_norm_silu_params& p, stream s, workspace w) override;
  void spatial_attention(const spatial_attention_params& p, stream s, workspace w) override;
  void denormalise(const denormalise_params& p, stream s, workspace w) override;
  void to_pixels(const to_pixels_params& p, stream s, workspace w) override;

 private:
  // One frame of a convolution, or half of its output channels for one of a pair of frames.
  struct frame_conv {
    const conv_shape& conv;
    const_tensor packed, x, cache;
    std::int64_t frame;
    std::int64_t first_channel, channels;  // of the output
    const_tensor residual;                 // [pixels, channels]
    tensor out;                            // [pixels, channels]
  };
  void convolve(const frame_conv& f, cudaStream_t s, workspace w);
  void keep_last_frames(const conv3d_causal_params& p, stream s);

  const own_stream& own_;
  memory& memory_;
  matrix_products& products_;
};

}  // namespace ops::cuda
