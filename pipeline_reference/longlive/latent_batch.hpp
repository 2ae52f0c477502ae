#pragma once
// Latent frames of several clips that are made together.

#include <cstdint>

#include "pipeline_reference/ops/tensor.hpp"

namespace longlive {

// The same latent frames of every sample of a batch; they are contiguous within a sample only.
struct latent_batch {
  ops::const_tensor clips;  // f32 [samples, latent frames of a clip, channels, height, width]
  std::int64_t first = 0;   // latent frame
  std::int64_t count = 0;

  [[nodiscard]] std::int64_t samples() const { return clips.shape[0]; }
  // [count, channels, height, width]
  [[nodiscard]] ops::const_tensor operator[](std::int64_t sample) const {
    const ops::const_tensor clip = clips[sample];
    ops::const_tensor part = clip[first];
    part.shape = clip.shape;
    part.shape.size[0] = count;
    return part;
  }
};

}  // namespace longlive
