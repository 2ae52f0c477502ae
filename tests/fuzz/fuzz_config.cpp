// Any text at all as a configuration: it is refused with one line, or what comes back is consistent
// enough to allocate and loop by.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "pipeline_reference/longlive/config.hpp"
#include "tests/fuzz/refusal.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const longlive::config c = longlive::parse_config(text, "fuzz");
    const longlive::generation_config& g = c.generation;
    if (g.latent_frames % g.latent_frames_per_block != 0 || g.denoising_step_list.empty())
      std::abort();
    if (g.sink_latent_frames > g.cached_latent_frames()) std::abort();
    if (c.dit.dim % c.dit.heads != 0 || c.dit.head_dim() % 2 != 0) std::abort();
    const umt5::encoder_config& t = c.reference.text_encoder.model;
    if (c.reference.encodes_prompts() && (t.dim != c.dit.text_dim || t.text_len != c.dit.text_len ||
                                          t.attention_dim % t.heads != 0 || t.buckets % 2 != 0))
      std::abort();
  } catch (const latency::error& refused) {
    fuzz::require_one_line(refused, "fuzz: ");
  }
  return 0;
}
