#pragma once
// A LongLive configuration: the published YAML keys, and this project's own ones in one mapping
// `pipeline_reference`. What read_config returns is consistent: sizes fit each other, every prompt
// switch takes effect inside the clip, and nothing downstream has to check again.

#include <cstdint>
#include <string>
#include <vector>

namespace longlive {

enum class vae_mode { streaming, whole_clip };  // decode after each block, or once at the end
enum class kv_policy { ring, roll };            // write in place, or move the window as published

// LoRA settings as published (`adapter`).
struct adapter_settings {
  bool present = false;
  std::string type = "lora";
  std::int64_t rank = 0;
  double alpha = 0;
};

// Sizes of the transformer; the defaults are Wan2.1-T2V-1.3B.
struct model_sizes {
  std::int64_t dim = 1536;
  std::int64_t num_heads = 12;
  std::int64_t num_layers = 30;
  std::int64_t ffn_dim = 8960;
  std::int64_t freq_dim = 256;
  std::int64_t text_dim = 4096;
  std::int64_t text_len = 512;
  std::int64_t latent_height = 60;
  std::int64_t latent_width = 104;
};

// The mapping `pipeline_reference`.
struct reference_settings {
  model_sizes model;
  std::int64_t vae_dim = 96;
  vae_mode vae = vae_mode::streaming;
  kv_policy kv = kv_policy::ring;
  std::string weights = "random";            // or a safetensors file with the transformer's tensors
  std::string vae_weights = "random";        // or a safetensors file with the decoder's tensors
  std::string prompt_embeddings = "seeded";  // or a safetensors file, see prompts.hpp
  bool layer_spans = false;                  // one span per attention, FFN and KV operation
  double pixel_fps = 16;                     // playout rate: of the video, and of deadlines
};

struct config {
  std::string path;  // the file it was read from

  std::vector<std::int64_t> denoising_step_list;  // falling, in (0, 1000]
  bool warp_denoising_step = true;
  std::int64_t num_frame_per_block = 3;  // latent frames
  std::int64_t local_attn_size = -1;     // window in latent frames, -1 = unlimited; holds the sink
  std::int64_t sink_size = 0;            // latent frames
  double timestep_shift = 5.0;
  std::int64_t num_output_frames = 0;               // latent frames, whole blocks
  std::vector<std::int64_t> switch_frame_indices;  // latent frames, rising
  bool global_sink = false;
  double context_noise = 0;  // timestep of the context pass
  std::int64_t seed = 0;
  bool use_ema = false;
  bool save_with_index = true;
  std::int64_t inference_iter = -1;  // index of the last prompt line to run, -1 = all
  std::string data_path;             // prompts, as written in the file
  std::string output_folder;
  std::string generator_ckpt;
  std::string lora_ckpt;
  adapter_settings adapter;
  reference_settings reference;

  std::vector<std::string> notes;  // published settings that have no effect here, one line each

  // Pixel frames that `latent_frames` decode to.
  [[nodiscard]] static std::int64_t pixel_frames(std::int64_t latent_frames) {
    return latent_frames == 0 ? 0 : 1 + 4 * (latent_frames - 1);
  }
  [[nodiscard]] std::int64_t num_blocks() const { return num_output_frames / num_frame_per_block; }
};

// Reads and checks a file. Throws latency::error, one line "FILE: line L: KEY: MESSAGE", for a file
// that is missing, too large or not YAML, and for unknown keys, wrong types and impossible values.
[[nodiscard]] config read_config(const std::string& path);

// The same for text that is already in memory; `path` is used in messages only.
[[nodiscard]] config parse_config(const std::string& text, const std::string& path);

// A relative path in a configuration means: from the current folder, as published; and when nothing
// is there, from the folder of the configuration, so that the bundled ones run from anywhere.
[[nodiscard]] std::string resolve_path(const config& settings, const std::string& path);

}  // namespace longlive
