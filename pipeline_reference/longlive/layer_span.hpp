#pragma once
// Spans of the parts of a layer.

#include <cstdint>
#include <optional>

#include "latency/scope.hpp"

namespace longlive {

// Indices for the attributes of layer spans; step is -1 outside the denoising steps.
struct forward_place {
  std::int64_t block = 0;
  std::int64_t step = -1;
  std::int64_t latent_frame = 0;
  std::int64_t latent_frames = 0;
};

// Opens a span with the attributes of a layer's part, when layer spans are asked for.
inline void open_layer_span(std::optional<latency::scope>& span, bool wanted, const char* name,
                            std::int64_t layer, const forward_place& place) {
  if (!wanted) return;
  span.emplace(name, latency::attribute{"layer", layer}, latency::attribute{"block", place.block},
               latency::attribute{"latent_frame", place.latent_frame},
               latency::attribute{"latent_frames", place.latent_frames});
  if (place.step >= 0) span->add({"step", place.step});
}

}  // namespace longlive
