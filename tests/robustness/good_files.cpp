#include "tests/robustness/good_files.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "pipeline_reference/checkpoint/low_rank.hpp"
#include "pipeline_reference/longlive/dit_checkpoint.hpp"
#include "pipeline_reference/longlive/dit_config.hpp"
#include "pipeline_reference/longlive/vae_weights.hpp"
#include "pipeline_reference/umt5/encoder_config.hpp"
#include "tests/pipeline_reference/checkpoint/pytorch_bytes.hpp"
#include "tests/pipeline_reference/checkpoint/safetensors_bytes.hpp"
#include "tests/temporary_folder.hpp"

namespace robustness {
namespace {

using checkpoint::expected_tensor;

constexpr std::int64_t vae_dim = 1, text_len = 2, text_dim = 4, latent_frames = 2;

longlive::dit_config tiny_dit() {
  longlive::dit_config c;
  c.dim = 8;
  c.heads = 1;
  c.layers = 1;
  c.ffn_dim = 8;
  c.freq_dim = 4;
  c.text_dim = text_dim;
  c.text_len = text_len;
  c.latent_height = c.latent_width = 2;
  return c;
}

// Small fp32 values that differ from each other.
std::string values_of(const expected_tensor& tensor, std::size_t seed) {
  std::string data;
  const auto elements = static_cast<std::size_t>(checkpoint::element_count(tensor.shape));
  for (std::size_t i = 0; i < elements; ++i) {
    const float value = static_cast<float>((i * 37 + seed) % 101) / 500.0F - 0.1F;
    data.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return data;
}

// A safetensors file of these tensors.
std::string file_of(const std::vector<expected_tensor>& tensors) {
  std::string header, data;
  for (const expected_tensor& tensor : tensors) {
    const std::size_t begin = data.size();
    data += values_of(tensor, begin);
    header += fmt::format("{}\"{}\":{{\"dtype\":\"F32\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                          header.empty() ? "{" : ",", tensor.name, fmt::join(tensor.shape, ","),
                          begin, data.size());
  }
  return checkpoint::testing::safetensors_bytes(header + "}", data);
}

// The same by torch.save.
std::string checkpoint_of(const std::vector<expected_tensor>& tensors, const std::string& prefix) {
  std::vector<std::pair<std::string, std::string>> storages;
  for (const expected_tensor& tensor : tensors)
    storages.emplace_back(std::to_string(storages.size()), values_of(tensor, storages.size()));
  return checkpoint::testing::pytorch_bytes(
      checkpoint::testing::pickled_state_dict(tensors, prefix), storages);
}

}  // namespace

std::vector<std::string> corpus(const std::string& name) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path(LATENCY_SOURCE_DIR) / "tests/fuzz/corpus" / name))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> files;
  for (const auto& path : paths) files.push_back(latency_test::read_file(path));
  if (files.empty()) throw std::runtime_error("no seeds of " + name);
  return files;
}

std::string tiny_config(const std::string& more) {
  return "pipeline_reference:\n"  // first, so that most of what is cut off at its end stays tiny
         "  model: {dim: 8, num_heads: 1, num_layers: 1, ffn_dim: 8, freq_dim: 4, text_dim: 4, "
         "text_len: 2}\n"
         "  latent_hw: [2, 2]\n"
         "  vae_dim: 1\n" +
         (more.empty() ? "" : "  " + more + "\n") +
         "denoising_step_list: [1000, 500]\n"
         "warp_denoising_step: true\n"
         "num_frame_per_block: 1\n"
         "num_output_frames: 2\n"
         "model_kwargs: {local_attn_size: 2, sink_size: 1, timestep_shift: 5.0}\n"
         "data_path: prompts.jsonl\n"
         "output_folder: out\n"
         "seed: 1\n"
         "switch_frame_indices: 1\n"
         "global_sink: false\n"
         "context_noise: 0\n";
}

std::string tiny_text_encoder(const std::string& weights) {
  return "text_encoder: {model: {vocab: 768, dim_attn: 4, dim_ffn: 4, num_heads: 1, num_layers: 1, "
         "num_buckets: 4}, tokenizer: t.model, weights: " +
         weights + "}";
}

std::string tiny_tokenizer() {
  return latency_test::read_file(LATENCY_SOURCE_DIR
                                 "/pipeline_reference/configs/tokenizer_small.model");
}

std::string tiny_encoder_weights() {
  umt5::encoder_config c;
  c.vocabulary_size = 768;
  c.dim = c.attention_dim = c.ffn_dim = c.buckets = 4;
  c.heads = c.layers = 1;
  c.text_len = text_len;
  return file_of(umt5::encoder_tensors(c));
}

std::string tiny_dit_weights() {
  return file_of(longlive::dit_tensors(tiny_dit()));
}

std::string tiny_dit_checkpoint() {
  return checkpoint_of(longlive::dit_tensors(tiny_dit()), "model.");
}

std::string tiny_lora_checkpoint() {
  return checkpoint_of(checkpoint::low_rank_tensors(longlive::adapted_modules(tiny_dit()), 1),
                       "base_model.model.");
}

std::string tiny_vae_weights() {
  return file_of(longlive::vae_decoder_tensors(vae_dim));
}

std::string tiny_prompt_embeddings() {
  return file_of(
      {{"prompt_embeds.0", {text_len, text_dim}}, {"prompt_embeds.1", {text_len, text_dim}}});
}

std::string golden_run_case() {
  return R"({"kind": "longlive_run", "config": {"dim": 8, "num_heads": 1, "ffn_dim": 8,
 "num_layers": 1, "freq_dim": 4, "text_dim": 4, "text_len": 2, "latent_hw": [2, 2],
 "timestep_shift": 5.0, "num_frame_per_block": 1, "denoising_step_list": [1000, 500],
 "context_noise": 0, "local_attn_size": 2, "sink_size": 1, "global_sink": false, "num_frames": 2,
 "switch_frame_indices": [1]}, "warped_timesteps": [1000.0, 833.3],
 "calls": [{"timestep": [1000.0], "current_start": 0, "frames": 1, "lei": 1, "gei": 1}]}
)";
}

std::string golden_run_tensors() {
  return file_of({{"noise", {latent_frames, 16, 2, 2}},
                  {"renoise", {latent_frames, 16, 2, 2}},
                  {"prompt_embeds.0", {text_len, text_dim}},
                  {"prompt_embeds.1", {1, text_dim}},
                  {"call.000.flow", {1, 16, 2, 2}},
                  {"latents", {latent_frames, 16, 2, 2}},
                  {"kv.0.k", {2, 1, 8}}});
}

std::string golden_vae_case() {
  return R"({"kind": "vae_decoder", "config": {"dim": 1, "frames": 2, "latent_hw": [2, 2],
 "chunks": [1, 1]}, "chunk_frames": [1, 4]}
)";
}

std::string golden_vae_tensors() {
  return file_of({{"latents", {16, latent_frames, 2, 2}}, {"pixels", {3, 5, 16, 16}}});
}

}  // namespace robustness
