#pragma once
// The operations of a back end, each in a span of its own, with the work that it stands for: what
// ran on the device then belongs to an operation (latency/cupti.hpp), and time to work.

#include <map>
#include <string>

#include "latency/span_id.hpp"
#include "pipeline_reference/ops/transformer_ops.hpp"

namespace benchmarks {

struct operation {
  std::string label;  // "gemm 4680 x 1536 x 1536", "rms_norm", ...
  double flops = 0;   // of matrix products
  double bytes = 0;   // read and written, each tensor once
};

// Hands every call on. One thread at a time.
class spanned_ops final : public ops::transformer_ops {
 public:
  explicit spanned_ops(ops::transformer_ops& inner) : inner_(inner) {}

  // By the span of the call: those of calls that a session recorded.
  [[nodiscard]] const std::map<latency::span_id, operation>& operations() const {
    return operations_;
  }

  [[nodiscard]] ops::dtype storage() const noexcept override { return inner_.storage(); }
  [[nodiscard]] bool multiplies(ops::dtype w) const noexcept override {
    return inner_.multiplies(w);
  }
  [[nodiscard]] std::int64_t workspace_bytes() const noexcept override {
    return inner_.workspace_bytes();
  }
  void gemm(const ops::gemm_params& p, ops::stream s, ops::workspace w) override;
  void layer_norm_modulate(const ops::layer_norm_modulate_params& p, ops::stream s,
                           ops::workspace w) override;
  void residual_gate_norm_modulate(const ops::residual_gate_norm_modulate_params& p, ops::stream s,
                                   ops::workspace w) override;
  void rms_norm(const ops::rms_norm_params& p, ops::stream s, ops::workspace w) override;
  void qk_norm_rope_cache_write(const ops::qk_norm_rope_cache_write_params& p, ops::stream s,
                                ops::workspace w) override;
  void attention(const ops::attention_params& p, ops::stream s, ops::workspace w) override;
  void patchify(const ops::patchify_params& p, ops::stream s, ops::workspace w) override;
  void unpatchify(const ops::unpatchify_params& p, ops::stream s, ops::workspace w) override;
  void timestep_embedding(const ops::timestep_embedding_params& p, ops::stream s,
                          ops::workspace w) override;
  void activate(const ops::activate_params& p, ops::stream s, ops::workspace w) override;
  void gated_activation(const ops::gated_activation_params& p, ops::stream s,
                        ops::workspace w) override;
  void relative_bias(const ops::relative_bias_params& p, ops::stream s, ops::workspace w) override;
  void broadcast_add(const ops::broadcast_add_params& p, ops::stream s, ops::workspace w) override;
  void fill_normal(const ops::fill_normal_params& p, ops::stream s, ops::workspace w) override;
  void x0_renoise(const ops::x0_renoise_params& p, ops::stream s, ops::workspace w) override;
  void move_rows(const ops::move_rows_params& p, ops::stream s, ops::workspace w) override;
  void block_mask(const ops::block_mask_params& p, ops::stream s, ops::workspace w) override;

 private:
  ops::transformer_ops& inner_;
  std::map<latency::span_id, operation> operations_;
};

}  // namespace benchmarks
