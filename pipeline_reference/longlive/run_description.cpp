#include "pipeline_reference/longlive/run_description.hpp"

#include <algorithm>
#include <cctype>

#include "cmake/build_info.hpp"

namespace longlive {

void describe_run(latency::session& session, const config& c, const ops::device_facts& device,
                  const std::string& prompts_path, std::size_t prompt_index) {
  const generation_config& g = c.generation;
  std::int64_t window_tokens = g.cached_latent_frames() * c.dit.tokens_per_latent_frame();
  if (g.window_latent_frames < 0)
    window_tokens = std::min(window_tokens, generation_config::unlimited_attention_tokens);
  session.describe("git_commit", build_info::git_commit());
  session.describe("model_checkpoint", c.reference.weights);
  session.describe("vae_checkpoint", c.reference.vae_weights);
  session.describe("prompt_embeddings", c.reference.prompt_embeddings);
  if (c.reference.encodes_prompts()) {
    session.describe("text_encoder_checkpoint", c.reference.text_encoder.weights);
    session.describe("text_encoder_parameters", parameter_count(c.reference.text_encoder.model));
  }
  session.describe("model_parameters", parameter_count(c.dit));
  session.describe("attention_backend", device.attention_backend);
  session.describe("sparsity", 0.0);
  session.describe("sequence_length_tokens",
                   window_tokens);                      // keys of a query once the window is full
  session.describe("effective_tokens", window_tokens);  // of these, computed: dense attention
  session.describe("tokens_per_latent_frame", c.dit.tokens_per_latent_frame());
  session.describe("latent_frames", g.latent_frames);
  session.describe("pixel_frames", 1 + 4 * (g.latent_frames - 1));
  session.describe("latent_frames_per_block", g.latent_frames_per_block);
  session.describe("window_latent_frames", g.window_latent_frames);
  session.describe("sink_latent_frames", g.sink_latent_frames);
  session.describe("global_sink", g.global_sink ? 1 : 0);
  session.describe("kv_policy", c.reference.kv == kv_policy::ring ? "ring" : "roll");
  for (const dead_work_switch& s : dead_work_switches)
    session.describe(std::string("skips_") + s.name, g.skips.*s.left_out ? 1 : 0);
  session.describe("vae_mode", c.reference.vae == vae_mode::streaming ? "streaming" : "whole_clip");
  session.describe("pixel_height", 8 * c.dit.latent_height);
  session.describe("pixel_width", 8 * c.dit.latent_width);
  session.describe("pixel_fps", c.reference.pixel_fps);
  session.describe("batch_size", g.samples);
  session.describe("denoising_steps", g.denoising_step_list.size());
  session.describe("seed", g.seed);
  session.describe("device_type", device.type);
  if (!device.name.empty()) session.describe("device_name", device.name);
  session.describe("device_count", 1);
  session.describe("host_threads", device.host_threads);
  session.describe("sequence_parallel", 1);
  session.describe("tensor_parallel", 1);
  session.describe("world_size", 1);
  session.describe("rank", 0);
  session.describe("config_path", c.path);
  session.describe("prompts_path", prompts_path);
  session.describe("prompt_index", prompt_index);
}

void describe_prompt_cache(latency::session& session, const prompt_cache_counts& before,
                           const prompt_cache_counts& after) {
  const std::int64_t hits = after.hits - before.hits, misses = after.misses - before.misses;
  session.describe("prompt_cache_hits", hits);
  session.describe("prompt_cache_misses", misses);
  if (hits + misses > 0)
    session.describe("prompt_cache_hit_rate",
                     static_cast<double>(hits) / static_cast<double>(hits + misses));
  session.describe("prompt_cache_evictions", after.evictions - before.evictions);
  session.describe("prompt_cache_bytes", after.bytes);
}

void describe_weights(latency::session& session, const config& c,
                      const std::vector<loaded_file>& loaded) {
  for (const loaded_file& file : loaded) {
    std::string prefix = file.model + "_weights_";  // "text_encoder_weights_"
    for (char& letter : prefix)
      letter = letter == ' ' ? '_' : static_cast<char>(std::tolower(letter));
    session.describe(prefix + "path", file.weights.path);
    session.describe(prefix + "format", std::string(checkpoint::format_name(file.weights.format)));
    session.describe(prefix + "tensors", file.weights.tensors);
    session.describe(prefix + "parameters", file.weights.parameters);
    session.describe(prefix + "dtypes", file.weights.dtypes);
    session.describe(prefix + "read_bytes", file.read_bytes);
    session.describe(prefix + "load_ms",
                     std::chrono::duration<double, std::milli>(file.time).count());
    session.describe(prefix + "gb_per_s", file.gigabytes_per_second());
  }
  session.describe("lora", c.reference.lora == lora_mode::none ? "none" : lora_text(c));
}

}  // namespace longlive
