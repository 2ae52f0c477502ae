#include "pipeline_reference/longlive/memory_need.hpp"

#include <fmt/format.h>

#include "latency/error.hpp"
#include "pipeline_reference/ops/cpu/cpu_memory.hpp"
#include "pipeline_reference/ops/planned_backend.hpp"

namespace longlive {
namespace {

constexpr std::int64_t f32_bytes = 4;
constexpr double gib = 1 << 30;
// Beside what we allocate: the kernels of this program and of cuBLASLt, and the records of CUPTI.
constexpr std::int64_t driver_bytes = std::int64_t{1} << 29;

double in_gib(std::int64_t bytes) {
  return static_cast<double>(bytes) / gib;
}

// With random weights in the place of files.
config without_files(config c) {
  c.reference.weights = c.reference.vae_weights = c.reference.text_encoder.weights = "random";
  if (c.reference.lora == lora_mode::merged) c.reference.lora = lora_mode::none;
  if (c.reference.lora == lora_mode::unmerged) c.reference.lora_weights = "random";
  return c;
}

}  // namespace

std::int64_t least_memory_bytes(const config& c) {
  const generation_config& g = c.generation;
  const std::int64_t cached_tokens = g.cached_latent_frames() * c.dit.tokens_per_latent_frame();
  const std::int64_t keys_and_values = 2 * c.dit.layers * cached_tokens * c.dit.dim * g.samples;
  const std::int64_t latents = g.samples * g.latent_frames * c.dit.latent_frame_elements();
  const std::int64_t computed_tokens =
      g.samples * dit_options(g, false).most_latent_frames * c.dit.tokens_per_latent_frame();
  const std::int64_t activations =
      computed_tokens * (c.dit.patch_features() + 7 * c.dit.dim + c.dit.ffn_dim);
  std::int64_t weights = c.reference.weights == "random" ? parameter_count(c.dit) : 0;
  const reference_settings& r = c.reference;
  if (r.encodes_prompts() && r.text_encoder.weights == "random")
    weights += umt5::parameter_count(r.text_encoder.model);
  return (keys_and_values + latents + activations + weights) * f32_bytes;
}

void require_memory(const config& c) {
  const std::int64_t needed = least_memory_bytes(c);
  const std::int64_t there = ops::cpu::cpu_memory::machine_bytes();
  if (needed > there)
    throw latency::error(c.path, "pipeline_reference: model",
                         fmt::format("needs at least {:.1f} GiB of memory, this machine has {:.1f}",
                                     in_gib(needed), in_gib(there)));
}

std::int64_t device_memory_bytes(const config& c, loop_kind kind, ops::backend& backend) {
  const config planned = without_files(c);
  ops::planned_backend counting(backend);
  const generation_engine made(planned, kind, counting, {});
  return counting.memory().peak_bytes();
}

void require_device_memory(const config& c, loop_kind kind, ops::backend& backend) {
  const std::int64_t needed = device_memory_bytes(c, kind, backend) + driver_bytes;
  const ops::device_facts device = backend.facts();
  if (needed <= device.free_bytes) return;
  const std::string setting = setting_that_fits(c, [&](const config& smaller) {
    return device_memory_bytes(smaller, kind, backend) + driver_bytes <= device.free_bytes;
  });
  throw latency::error(
      c.path, "pipeline_reference: model",
      fmt::format("needs {:.1f} GiB of memory, the {} has {:.1f} of {:.1f} GiB free; {}",
                  in_gib(needed), device.name.empty() ? "machine" : device.name,
                  in_gib(device.free_bytes), in_gib(device.total_bytes),
                  setting.empty() ? "only a smaller model, latent_hw or vae_dim would fit"
                                  : setting + " would fit"));
}

}  // namespace longlive
