#pragma once
// Good files, small enough that a program is done with them in milliseconds: what the malformed
// ones are made of.

#include <string>
#include <vector>

namespace robustness {

// The contents of the files in tests/fuzz/corpus/NAME, in the order of their names.
[[nodiscard]] std::vector<std::string> corpus(const std::string& name);

// A configuration that generates two blocks of one latent frame; `more` are lines for the section
// pipeline_reference, such as "weights: weights.safetensors".
[[nodiscard]] std::string tiny_config(const std::string& more = "");

// Lines for the same section: prompts are encoded, by the bundled tokenizer "t.model".
[[nodiscard]] std::string tiny_text_encoder(const std::string& weights);

[[nodiscard]] std::string tiny_tokenizer();
[[nodiscard]] std::string tiny_encoder_weights();
[[nodiscard]] std::string tiny_dit_weights();
[[nodiscard]] std::string tiny_dit_checkpoint();   // the same as torch.save writes it
[[nodiscard]] std::string tiny_lora_checkpoint();  // of rank 1
[[nodiscard]] std::string tiny_vae_weights();
[[nodiscard]] std::string tiny_prompt_embeddings();

// Golden folders: the values are made up, so that check_golden finds differences.
[[nodiscard]] std::string golden_run_case();
[[nodiscard]] std::string golden_run_tensors();
[[nodiscard]] std::string golden_vae_case();
[[nodiscard]] std::string golden_vae_tensors();

}  // namespace robustness
