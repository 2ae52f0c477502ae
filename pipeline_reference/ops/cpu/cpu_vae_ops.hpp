#pragma once
// The video decoder's operations in fp32 on the CPU: the readable truth that other back ends are
// compared with. Definitions stand in conv.cpp and vae_ops.cpp.
//
// Results do not depend on the number of threads, nor on how a clip is cut into calls: every output
// value is summed in one fixed order.

#include "pipeline_reference/ops/cpu/thread_pool.hpp"
#include "pipeline_reference/ops/vae_ops.hpp"

namespace ops::cpu {

class cpu_vae_ops final : public vae_ops {
 public:
  explicit cpu_vae_ops(thread_pool& pool) : pool_(pool) {}

  [[nodiscard]] dtype storage() const noexcept override { return dtype::f32; }
  [[nodiscard]] std::int64_t packed_conv_elements(const conv_shape& conv) const override;
  [[nodiscard]] std::int64_t workspace_bytes(std::int64_t row_values,
                                             std::int64_t attended_pixels) const override;

  // Throws latency::error when kernel_t * kernel_h is more than 9.
  void pack_conv(const pack_conv_params& p, stream s) override;
  void conv3d_causal(const conv3d_causal_params& p, stream s, workspace w) override;
  void upsample_conv(const upsample_conv_params& p, stream s, workspace w) override;
  void rms_norm_silu(const rms_norm_silu_params& p, stream s, workspace w) override;
  void spatial_attention(const spatial_attention_params& p, stream s, workspace w) override;
  void denormalise(const denormalise_params& p, stream s, workspace w) override;
  void to_pixels(const to_pixels_params& p, stream s, workspace w) override;

 private:
  thread_pool& pool_;
};

}  // namespace ops::cpu
