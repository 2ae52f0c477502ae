#pragma once
// Sizes of a LongLive model and of one run of it. Defaults are the published 1.3B model at
// 480 x 832 with window 12/3.

#include <cstdint>
#include <vector>

#include "pipeline_reference/checkpoint/tensor_entry.hpp"

namespace longlive {

// Published rotary tables have this many positions per axis: latent frames, rows and columns.
inline constexpr std::int64_t rope_positions = 1024;

// The diffusion transformer (Wan2.1-T2V architecture).
struct dit_config {
  std::int64_t dim = 1536;
  std::int64_t heads = 12;
  std::int64_t layers = 30;
  std::int64_t ffn_dim = 8960;
  std::int64_t freq_dim = 256;   // sinusoidal timestep embedding
  std::int64_t text_dim = 4096;  // of the prompt embeddings
  std::int64_t text_len = 512;   // rows of the prompt embeddings, padding included
  std::int64_t channels = 16;    // of a latent
  std::int64_t latent_height = 60;
  std::int64_t latent_width = 104;

  // Beyond these a file is wrong rather than large, and products of sizes could overflow.
  static constexpr std::int64_t most_dim = 16384, most_heads = 256, most_layers = 256,
                                most_ffn_dim = 65536, most_freq_dim = 4096, most_text_dim = 16384,
                                most_text_len = 4096, most_channels = 4096;

  static constexpr std::int64_t patch = 2;  // rows and columns of a patch; 1 latent frame
  static constexpr float eps = 1e-6F;       // of every LayerNorm and RMSNorm

  [[nodiscard]] std::int64_t head_dim() const { return dim / heads; }
  [[nodiscard]] std::int64_t patch_rows() const { return latent_height / patch; }
  [[nodiscard]] std::int64_t patch_columns() const { return latent_width / patch; }
  [[nodiscard]] std::int64_t patch_features() const { return channels * patch * patch; }
  [[nodiscard]] std::int64_t tokens_per_latent_frame() const {
    return patch_rows() * patch_columns();
  }
  [[nodiscard]] std::int64_t latent_frame_elements() const {
    return channels * latent_height * latent_width;
  }
  // Throws latency::error naming the first impossible value.
  void validate() const;
};

// How the KV cache keeps its window: each latent frame is written to a fixed slot, or the window
// moves down as published. Same results.
enum class kv_policy { ring, roll };

// What the published code computes although nothing reads it, or again with the same result. Each
// is left out where it is set; the results are the same, to rounding with identical_padding_keys.
struct dead_work {
  bool repeated_text_embedding = false;  // of the prompt, at every forward
  bool repeated_modulation = false;      // by the timestep, of every layer, at every forward
  bool unread_flow = false;              // after the last layer's keys and values, where only these
                                         // are wanted: in context passes and recaches
  bool dropped_sink_queries = false;     // latent frames of a recache whose keys a kept sink does
                                         // not take
  bool unused_block_mask = false;        // of a recache
  bool identical_padding_keys = false;   // of a prompt: as one key that counts so many times

  [[nodiscard]] static constexpr dead_work all() { return {true, true, true, true, true, true}; }
};

// Each by its name in a configuration.
struct dead_work_switch {
  const char* name;
  bool dead_work::*left_out;
};
inline constexpr dead_work_switch dead_work_switches[] = {
    {"repeated_text_embedding", &dead_work::repeated_text_embedding},
    {"repeated_modulation", &dead_work::repeated_modulation},
    {"unread_flow", &dead_work::unread_flow},
    {"dropped_sink_queries", &dead_work::dropped_sink_queries},
    {"unused_block_mask", &dead_work::unused_block_mask},
    {"identical_padding_keys", &dead_work::identical_padding_keys}};

// The loop around it.
struct generation_config {
  std::int64_t latent_frames = 240;          // of the clip (num_output_frames)
  std::int64_t latent_frames_per_block = 3;  // num_frame_per_block
  std::int64_t window_latent_frames = 12;    // local_attn_size, sink included; -1: the whole clip
  std::int64_t sink_latent_frames = 3;       // sink_size
  bool global_sink = true;                   // a prompt switch keeps the sink's keys and values
  std::vector<std::int64_t> denoising_step_list = {1000, 750, 500, 250};
  bool warp_denoising_step = true;
  double timestep_shift = 5.0;
  double context_noise = 0;                        // timestep of the context pass and of a recache
  std::vector<std::int64_t> switch_latent_frames;  // ascending; one prompt more than entries
  bool takes_requests = false;  // prompts may be asked for while it runs, see prompt_requests.hpp
  std::int64_t samples = 1;     // clips made together from one prompt (num_samples)
  std::uint64_t seed = 0;       // of noise that is not given
  dead_work skips;

  // With the published limit on attended tokens when there is no window.
  static constexpr std::int64_t unlimited_attention_tokens = 32760;

  [[nodiscard]] std::int64_t blocks() const { return latent_frames / latent_frames_per_block; }
  [[nodiscard]] std::int64_t segments() const {
    return static_cast<std::int64_t>(switch_latent_frames.size()) + 1;
  }
  [[nodiscard]] bool recaches() const { return takes_requests || !switch_latent_frames.empty(); }
  // Latent frames that the KV cache holds.
  [[nodiscard]] std::int64_t cached_latent_frames() const {
    return window_latent_frames < 0 ? latent_frames : window_latent_frames;
  }
  // Throws latency::error naming the first impossible value.
  void validate() const;
};

// Every tensor of the transformer, by its published name (without the "model." prefix).
[[nodiscard]] std::vector<checkpoint::expected_tensor> dit_tensors(const dit_config& config);
[[nodiscard]] std::int64_t parameter_count(const dit_config& config);

}  // namespace longlive
