#include "pipeline_reference/longlive/memory_need.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "latency/error.hpp"

namespace longlive {
namespace {

constexpr std::int64_t f32_bytes = 4;

}  // namespace

std::int64_t least_memory_bytes(const config& c) {
  const generation_config& g = c.generation;
  const std::int64_t cached_tokens = g.cached_latent_frames() * c.dit.tokens_per_latent_frame();
  const std::int64_t keys_and_values = 2 * c.dit.layers * cached_tokens * c.dit.dim;
  const std::int64_t latents = g.latent_frames * c.dit.latent_frame_elements();
  std::int64_t weights = c.reference.weights == "random" ? parameter_count(c.dit) : 0;
  const reference_settings& r = c.reference;
  if (r.encodes_prompts() && r.text_encoder.weights == "random")
    weights += umt5::parameter_count(r.text_encoder.model);
  return (keys_and_values + latents + weights) * f32_bytes;
}

void require_memory(const config& c) {
  const std::int64_t needed = least_memory_bytes(c);
  const std::int64_t there = std::int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  constexpr double gib = 1 << 30;
  if (needed > there)
    throw latency::error(
        c.path, "pipeline_reference: model",
        fmt::format("needs at least {:.1f} GiB of memory, this machine has {:.1f}",
                    static_cast<double>(needed) / gib, static_cast<double>(there) / gib));
}

}  // namespace longlive
