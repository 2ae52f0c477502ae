#include "pipeline_reference/ops/planned_backend.hpp"

#include <algorithm>
#include <utility>

namespace ops {
namespace {

class no_transformer_ops final : public transformer_ops {
 public:
  explicit no_transformer_ops(const transformer_ops& model) : model_(model) {}
  [[nodiscard]] dtype storage() const noexcept override { return model_.storage(); }
  [[nodiscard]] bool multiplies(dtype w) const noexcept override { return model_.multiplies(w); }
  [[nodiscard]] std::int64_t workspace_bytes() const noexcept override {
    return model_.workspace_bytes();
  }
  void gemm(const gemm_params&, stream, workspace) override {}
  void layer_norm_modulate(const layer_norm_modulate_params&, stream, workspace) override {}
  void residual_gate_norm_modulate(const residual_gate_norm_modulate_params&, stream,
                                   workspace) override {}
  void rms_norm(const rms_norm_params&, stream, workspace) override {}
  void qk_norm_rope_cache_write(const qk_norm_rope_cache_write_params&, stream,
                                workspace) override {}
  void attention(const attention_params&, stream, workspace) override {}
  void patchify(const patchify_params&, stream, workspace) override {}
  void unpatchify(const unpatchify_params&, stream, workspace) override {}
  void timestep_embedding(const timestep_embedding_params&, stream, workspace) override {}
  void activate(const activate_params&, stream, workspace) override {}
  void gated_activation(const gated_activation_params&, stream, workspace) override {}
  void relative_bias(const relative_bias_params&, stream, workspace) override {}
  void broadcast_add(const broadcast_add_params&, stream, workspace) override {}
  void fill_normal(const fill_normal_params&, stream, workspace) override {}
  void x0_renoise(const x0_renoise_params&, stream, workspace) override {}
  void move_rows(const move_rows_params&, stream, workspace) override {}
  void block_mask(const block_mask_params&, stream, workspace) override {}

 private:
  const transformer_ops& model_;
};

class no_vae_ops final : public vae_ops {
 public:
  explicit no_vae_ops(const vae_ops& model) : model_(model) {}
  [[nodiscard]] dtype storage() const noexcept override { return model_.storage(); }
  [[nodiscard]] std::int64_t packed_conv_elements(const conv_shape& conv) const override {
    return model_.packed_conv_elements(conv);
  }
  [[nodiscard]] std::int64_t workspace_bytes(std::int64_t row_values,
                                             std::int64_t attended_pixels) const override {
    return model_.workspace_bytes(row_values, attended_pixels);
  }
  void pack_conv(const pack_conv_params&, stream) override {}
  void conv3d_causal(const conv3d_causal_params&, stream, workspace) override {}
  void upsample_conv(const upsample_conv_params&, stream, workspace) override {}
  void rms_norm_silu(const rms_norm_silu_params&, stream, workspace) override {}
  void spatial_attention(const spatial_attention_params&, stream, workspace) override {}
  void denormalise(const denormalise_params&, stream, workspace) override {}
  void to_pixels(const to_pixels_params&, stream, workspace) override {}

 private:
  const vae_ops& model_;
};

}  // namespace

void* planned_memory::allocate(std::int64_t bytes) {
  constexpr std::uintptr_t alignment = 64;
  void* const data = reinterpret_cast<void*>(next_);  // NOLINT(performance-no-int-to-ptr)
  next_ +=
      (static_cast<std::uintptr_t>(std::max<std::int64_t>(bytes, 1)) / alignment + 1) * alignment;
  allocated_[data] = bytes;
  bytes_ += bytes;
  peak_bytes_ = std::max(peak_bytes_, bytes_);
  return data;
}

void planned_memory::release(void* data) noexcept {
  const auto found = allocated_.find(data);
  bytes_ -= found->second;
  allocated_.erase(found);
}

planned_backend::planned_backend(backend& model)
    : planned_backend(model, std::make_shared<planned_memory>()) {}

planned_backend::planned_backend(backend& model, std::shared_ptr<planned_memory> memory)
    : model_(model),
      memory_(std::move(memory)),
      transformer_(std::make_unique<no_transformer_ops>(model.transformer())),
      vae_(std::make_unique<no_vae_ops>(model.vae())) {}

planned_backend::~planned_backend() = default;

std::unique_ptr<backend> planned_backend::beside() const {
  return std::unique_ptr<backend>(new planned_backend(model_, memory_));
}

}  // namespace ops
