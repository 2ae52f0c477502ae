#pragma once
// The transformer operations on a CUDA device: bf16 storage, fp32 accumulation; kernels/ for what
// lies between products, cuBLASLt for these.
//
// Shapes: columns are multiples of 8 and rows start at multiples of 16 bytes; heads of attention
// are at most 256 wide. Keys of attention are one range of rows (or two that touch).

#include <mutex>
#include <string>
#include <vector>

#include "pipeline_reference/ops/cuda/cuda_memory.hpp"
#include "pipeline_reference/ops/cuda/matrix_products.hpp"
#include "pipeline_reference/ops/cuda/own_stream.hpp"
#include "pipeline_reference/ops/transformer_ops.hpp"

namespace ops::cuda {

class cuda_transformer_ops final : public transformer_ops {
 public:
  cuda_transformer_ops(const own_stream& own, memory& where, matrix_products& products)
      : own_(own), memory_(where), products_(products) {}

  [[nodiscard]] dtype storage() const noexcept override { return dtype::bf16; }
  [[nodiscard]] bool multiplies(dtype weight) const noexcept override {
    return weight == dtype::bf16;
  }
  [[nodiscard]] std::int64_t workspace_bytes() const noexcept override;

  void gemm(const gemm_params& p, stream s, workspace w) override;
  void layer_norm_modulate(const layer_norm_modulate_params& p, stream s, workspace w) override;
  void residual_gate_norm_modulate(const residual_gate_norm_modulate_params& p, stream s,
                                   workspace w) override;
  void rms_norm(const rms_norm_params& p, stream s, workspace w) override;
  void qk_norm_rope_cache_write(const qk_norm_rope_cache_write_params& p, stream s,
                                workspace w) override;
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
  void gated_gemm(const gemm_params& p, cudaStream_t s, workspace w);
  // Attention counts arrivals in memory that must stay between its launches on a stream: made with
  // the first one.
  void* attention_workspace(cudaStream_t s);

  struct stream_memory {
    cudaStream_t stream;
    buffer memory;
  };
  const own_stream& own_;
  memory& memory_;
  matrix_products& products_;
  std::mutex lock_;
  std::vector<stream_memory> attention_memory_;
};

}  // namespace ops::cuda
