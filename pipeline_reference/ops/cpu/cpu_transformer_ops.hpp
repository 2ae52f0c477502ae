#pragma once
// The transformer operations in fp32 on the CPU, with Eigen: the readable truth that other back
// ends are compared with. Definitions stand in one file per group: gemm.cpp, norms.cpp, rope.cpp,
// attention.cpp, elementwise.cpp, layout.cpp.
//
// Results depend on the number of threads only in the last bits (how products are cut into tiles).

#include "pipeline_reference/ops/cpu/thread_pool.hpp"
#include "pipeline_reference/ops/transformer_ops.hpp"

namespace ops::cpu {

class cpu_transformer_ops final : public transformer_ops {
 public:
  explicit cpu_transformer_ops(thread_pool& pool) : pool_(pool) {}

  [[nodiscard]] dtype storage() const noexcept override { return dtype::f32; }
  // Weights in bf16 are widened as they are read, so they take half the memory and bandwidth.
  [[nodiscard]] bool multiplies(dtype weight) const noexcept override {
    return weight == dtype::f32 || weight == dtype::bf16;
  }
  [[nodiscard]] std::int64_t workspace_bytes() const noexcept override;

  void gemm(const gemm_params& p, stream s, workspace w) override;
  void layer_norm_modulate(const layer_norm_modulate_params& p, stream s, workspace w) override;
  void residual_gate_norm_modulate(const residual_gate_norm_modulate_params& p, stream s,
                                   workspace w) override;
  void rms_norm(const rms_norm_params& p, stream s, workspace w) override;
  void qk_norm_rope_cache_write(const qk_norm_rope_cache_write_params& p, stream s,
                                workspace w) override;
  // Head sizes up to 1024.
  void attention(const attention_params& p, stream s, workspace w) override;
  void patchify(const patchify_params& p, stream s, workspace w) override;
  void unpatchify(const unpatchify_params& p, stream s, workspace w) override;
  void timestep_embedding(const timestep_embedding_params& p, stream s, workspace w) override;
  void activate(const activate_params& p, stream s, workspace w) override;
  void gated_activation(const gated_activation_params& p, stream s, workspace w) override;
  void relative_bias(const relative_bias_params& p, stream s, workspace w) override;
  void broadcast_add(const broadcast_add_params& p, stream s, workspace w) override;
  void fill_normal(const fill_normal_params& p, stream s, workspace w) override;
  void x0_renoise(const x0_renoise_params& p, stream s, workspace w) override;
  void move_rows(const move_rows_params& p, stream s, workspace w) override;
  void block_mask(const block_mask_params& p, stream s, workspace w) override;

 private:
  thread_pool& pool_;
};

}  // namespace ops::cpu
