#pragma once
// The Wan VAE decoder: latent frames to pixel frames, eight times larger in height and width. The
// first latent frame of a clip becomes 1 pixel frame, each later one 4.
//
// Every causal convolution keeps its last two input frames, so a clip may be decoded in any pieces
// (after each block, or whole) with the same result, and pieces of several clips in turn. Latent
// frames pass one at a time: activations stay small, whatever the length of a call.

#include <cstdint>
#include <vector>

#include "pipeline_reference/longlive/vae_layers.hpp"

namespace longlive {

struct vae_config {
  std::int64_t dim = 96;  // channels at full resolution
  std::int64_t latent_height = 60, latent_width = 104;
  bool level_spans =
      false;  // spans vae_middle, vae_level {level} and vae_head for every latent frame
  std::int64_t samples = 1;  // clips that are decoded in turn
};

// Not thread-safe: one thread at a time, one stream for the life of a clip. Allocates while it is
// made, never after.
class vae_decoder {
 public:
  static constexpr std::int64_t most_pixel_frames = 4;  // that a latent frame becomes

  // Reads all weights. Throws latency::error for impossible sizes and for what `weights` throws.
  vae_decoder(const vae_config& config, const checkpoint::weight_source& weights, ops::vae_ops& vae,
              ops::memory& memory);

  // Begins a new clip of every sample.
  void clear_cache(ops::stream stream);

  // Pixel frames that decoding `latent_frames` more of a sample would give now.
  [[nodiscard]] std::int64_t pixel_frames(std::int64_t latent_frames,
                                          std::int64_t sample = 0) const;
  [[nodiscard]] std::int64_t pixel_height() const { return 8 * config_.latent_height; }
  [[nodiscard]] std::int64_t pixel_width() const { return 8 * config_.latent_width; }
  [[nodiscard]] std::int64_t cache_bytes() const;  // of the cached frames

  // The three stages of a call, for n latent frames and p = pixel_frames(n), taken before decode():
  // latents f32 [n, 16, h, w] -> prepared [n, h, w, 16], de-normalised, channels last.
  void prepare_input(ops::const_tensor latents, ops::tensor prepared, ops::stream stream);
  // prepared -> rgb [p, 8h, 8w, 3] about [-1, 1], not clamped; dtype of both is the back end's
  // storage.
  void decode(ops::const_tensor prepared, ops::tensor rgb, ops::stream stream,
              std::int64_t sample = 0);
  // rgb -> pixels u8 [p, 8h, 8w, 3], clamped.
  void to_pixels(ops::const_tensor rgb, ops::tensor pixels, ops::stream stream);

 private:
  vae_decoder(const vae_config& config, const vae_builder& from);
  void decode_latent_frame(ops::const_tensor latent_frame, ops::tensor rgb, const vae_call& call);
  template <class Visit>
  void each_conv(const Visit& visit) const;

  vae_config config_;
  ops::vae_ops& vae_;
  ops::memory& memory_;
  vae_activations activations_;
  ops::buffer mean_, std_;
  vae_conv conv2_, conv1_;
  vae_residual_block middle_0_;
  vae_attention_block middle_1_;
  vae_residual_block middle_2_;
  std::vector<vae_residual_block> blocks_;  // three per level
  std::vector<vae_upsample> upsamples_;     // after levels 0, 1 and 2
  ops::buffer head_gain_;
  vae_conv head_;
  std::vector<bool> clip_begun_;  // of each sample
};

}  // namespace longlive
