#pragma once
// The layers of the Wan VAE decoder: weights, the cached frames that causal convolutions keep
// between calls, and their forward passes over the ops seam.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "pipeline_reference/checkpoint/weight_source.hpp"
#include "pipeline_reference/ops/vae_ops.hpp"

namespace longlive {

// What layers are made from.
struct vae_builder {
  const checkpoint::weight_source& weights;
  ops::vae_ops& vae;
  ops::memory& memory;
  std::int64_t samples;  // clips that are decoded in turn

  [[nodiscard]] ops::buffer gains(const std::string& name,
                                  checkpoint::tensor_shape shape) const;  // f32 [shape[0]]
};

// Three activation buffers, each large enough for every layer: the input and result of a layer is
// always in `x`.
class vae_activations {
 public:
  vae_activations(ops::vae_ops& vae, ops::memory& memory, std::int64_t elements,
                  std::int64_t workspace_bytes);

  enum slot { x, a, b };
  [[nodiscard]] ops::tensor view(slot which, const ops::shape& shape) const;
  void swap(slot one, slot other) { std::swap(buffers_[one], buffers_[other]); }
  [[nodiscard]] ops::workspace workspace() const { return workspace_.as_workspace(); }

 private:
  ops::buffer buffers_[3];
  ops::buffer workspace_;
};

// What a forward pass needs besides its weights.
struct vae_call {
  ops::vae_ops& vae;
  ops::memory& memory;
  vae_activations& activations;
  ops::stream stream;
  std::int64_t sample;
};

class vae_conv {
 public:
  // `name` without ".weight"; `published` the weight's shape in the file, where 2-d kernels lack
  // the time dimension. Frames of height x width are cached for each sample when the kernel reaches
  // back in time.
  vae_conv(const vae_builder& from, const std::string& name, checkpoint::tensor_shape published,
           std::int64_t height, std::int64_t width, ops::conv_kind kind = ops::conv_kind::plain);

  void forward(const vae_call& call, ops::const_tensor x, ops::tensor out,
               ops::const_tensor residual = {}) const;
  void clear_cache(ops::memory& memory, ops::stream stream) const;  // of all samples
  [[nodiscard]] std::int64_t cache_bytes() const { return cache_.view().bytes(); }

 private:
  ops::conv_shape shape_;
  ops::buffer packed_;
  ops::buffer cache_;  // [samples, kernel_t - 1, height, width, in]
};

// x + conv(SiLU(norm(conv(SiLU(norm(x)))))), with a 1x1x1 convolution on x when the channels
// change.
class vae_residual_block {
 public:
  vae_residual_block(const vae_builder& from, const std::string& name, std::int64_t in,
                     std::int64_t out, std::int64_t height, std::int64_t width);

  void forward(const vae_call& call, std::int64_t frames) const;
  template <class Visit>
  void each_conv(const Visit& visit) const {
    visit(first_);
    visit(second_);
  }

 private:
  std::int64_t in_, out_, height_, width_;
  ops::buffer first_gain_, second_gain_;
  vae_conv first_, second_;
  std::optional<vae_conv> shortcut_;
};

// x + proj(attention(to_qkv(norm(x)))) among the pixels of each frame.
class vae_attention_block {
 public:
  vae_attention_block(const vae_builder& from, const std::string& name, std::int64_t channels,
                      std::int64_t height, std::int64_t width);

  void forward(const vae_call& call, std::int64_t frames) const;

 private:
  std::int64_t channels_, height_, width_;
  ops::buffer gain_;
  vae_conv to_qkv_, proj_;
};

// Twice the height and width at half the channels, and twice the frames where it has a time
// convolution.
class vae_upsample {
 public:
  // height x width of the input.
  vae_upsample(const vae_builder& from, const std::string& name, std::int64_t in,
               std::int64_t height, std::int64_t width, bool in_time);

  // Returns the frames of the result. The first latent frame of a clip passes the time convolution
  // by: it stays one frame and leaves no trace in the cache.
  [[nodiscard]] std::int64_t forward(const vae_call& call, std::int64_t frames,
                                     bool first_latent_frame) const;
  template <class Visit>
  void each_conv(const Visit& visit) const {
    if (time_conv_) visit(*time_conv_);
  }

 private:
  std::int64_t in_, height_, width_;
  std::optional<vae_conv> time_conv_;
  vae_conv conv_;
};

}  // namespace longlive
