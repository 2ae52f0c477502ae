#pragma once
// The operations of a CUDA back end with an event after each: what a forward spends on which.

#include <cuda_runtime_api.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pipeline_reference/ops/transformer_ops.hpp"

namespace benchmarks {

// Of all calls with one label.
struct operation_time {
  std::int64_t calls = 0;
  double ms = 0, flops = 0, bytes = 0;
};

// Hands every call on. Between start() and stop() it also records when the device had done it; the
// time of an operation then runs from the end of the one before, its launch gap included.
class timed_ops final : public ops::transformer_ops {
 public:
  explicit timed_ops(ops::transformer_ops& inner) : inner_(inner) {}
  ~timed_ops() override;
  timed_ops(const timed_ops&) = delete;
  timed_ops& operator=(const timed_ops&) = delete;

  void start(cudaStream_t stream);
  // Waits for the stream and adds up by label: "gemm 4680 x 1536 x 1536", "rms_norm", ...
  [[nodiscard]] std::map<std::string, operation_time> stop();

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
  struct entry {
    std::string label;
    double flops, bytes;
    cudaEvent_t end;
  };
  cudaEvent_t next_event();
  void note(std::string label, double flops, double bytes);

  ops::transformer_ops& inner_;
  cudaStream_t stream_ = nullptr;
  bool recording_ = false;
  cudaEvent_t begin_ = nullptr;
  std::vector<entry> entries_;
  std::vector<cudaEvent_t> spare_;
};

}  // namespace benchmarks
