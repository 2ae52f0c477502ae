#pragma once
// The transformer in published files: under which key its weights lie, and what they are called
// there.

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline_reference/checkpoint/file_weights.hpp"
#include "pipeline_reference/checkpoint/low_rank.hpp"
#include "pipeline_reference/longlive/dit_config.hpp"

namespace longlive {

// The weights of dit_tensors() in a file: under the key `generator` (`generator_ema` with use_ema),
// under `model`, or at its top; with or without "model." before and "_fsdp_wrapped_module." inside
// of their names. Other keys of the file are ignored. Throws latency::error when there is none.
[[nodiscard]] checkpoint::file_weights open_dit_weights(const std::string& path, bool use_ema);

// The linear layers that LoRA adapts: ten in each block.
[[nodiscard]] std::vector<checkpoint::linear_module> adapted_modules(const dit_config& config);

// A and B of these modules in a file as PEFT writes it, under the key `generator_lora` or at its
// top. Throws latency::error when there is none, or when its rank is another.
[[nodiscard]] checkpoint::file_weights open_dit_lora(const std::string& path, std::int64_t rank);

}  // namespace longlive
