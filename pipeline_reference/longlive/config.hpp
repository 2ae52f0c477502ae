#pragma once
// A LongLive configuration: the published YAML keys, and this project's own ones in one mapping
// `pipeline_reference`. What read_config returns is consistent: sizes fit each other, every prompt
// switch takes effect inside the clip, and nothing downstream has to check again.

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline_reference/longlive/dit_config.hpp"
#include "pipeline_reference/umt5/encoder_config.hpp"

namespace longlive {

// low-rank additions to the transformer: not used, summed into its weights, or computed beside them
// at every call as published
enum class lora_mode { none, merged, unmerged };
enum class vae_mode { streaming, whole_clip };  // decode after each block, or once at the end

// LoRA settings as published (`adapter`).
struct adapter_settings {
  bool present = false;
  std::string type = "lora";
  std::int64_t rank = 0;
  double alpha = 0;
};

// The mapping `text_encoder` in `pipeline_reference`.
struct text_encoder_settings {
  umt5::encoder_config model;
  std::string weights = "random";  // or a file with the encoder's tensors
  std::string tokenizer;           // a SentencePiece model
};

// The mapping `pipeline_reference`.
struct reference_settings {
  std::int64_t vae_dim = 96;  // channels of the decoder's widest resolution
  vae_mode vae = vae_mode::streaming;
  kv_policy kv = kv_policy::ring;
  std::string weights = "random";  // or a file with the transformer's tensors
  lora_mode lora = lora_mode::none;
  std::string lora_weights;                  // random or a file; empty without LoRA
  std::string vae_weights = "random";        // or a file with the decoder's tensors
  std::string prompt_embeddings = "seeded";  // encoded, or a safetensors file, see prompts.hpp
  text_encoder_settings text_encoder;        // read when prompts are encoded
  bool layer_spans = false;                  // one span per attention, FFN and KV operation
  double pixel_fps = 16;                     // playout rate of the video

  [[nodiscard]] bool encodes_prompts() const { return prompt_embeddings == "encoded"; }
};

struct config {
  std::string path;  // the file it was read from

  dit_config dit;                // pipeline_reference: model, latent_hw
  generation_config generation;  // the published keys of the loop
  int switch_line = 0;           // of switch_frame_indices, for messages
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
