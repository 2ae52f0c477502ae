#pragma once
// The golden case kind "vae_decoder": latents [16, F, h, w] decoded to pixels [3, P, 8h, 8w], by
// the published PyTorch code.

#include <nlohmann/json.hpp>
#include <string>

#include "pipeline_reference/longlive/golden_difference.hpp"
#include "pipeline_reference/ops/vae_ops.hpp"

namespace longlive {

// Decodes the case in `folder` (weights.safetensors, tensors.safetensors) in the pieces that
// `case_json` lists and again as one piece, of any dim, length and size. Throws latency::error for
// a case that cannot be read. Mismatches are pixel frame counts that differ from case.json.
golden_result compare_golden_vae_decoder(const std::string& folder, const nlohmann::json& case_json,
                                         ops::vae_ops& vae, ops::memory& memory);

}  // namespace longlive
