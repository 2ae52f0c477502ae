#pragma once
// The golden case kind "longlive_run": a whole run of the published PyTorch code, with its noise,
// re-noise draws and prompt embeddings given; flows, latents and the final KV cache to be matched,
// timesteps and cache indices to be equal.

#include <nlohmann/json.hpp>
#include <string>

#include "pipeline_reference/longlive/dit_config.hpp"
#include "pipeline_reference/longlive/golden_difference.hpp"
#include "pipeline_reference/ops/tensor.hpp"
#include "pipeline_reference/ops/transformer_ops.hpp"

namespace longlive {

// Runs the case in `folder` (weights.safetensors, tensors.safetensors) at whatever sizes it has.
// Every tensor of the file is an input, compared, or listed in not_compared. The KV cache is
// compared in the published slot order. Throws latency::error for a case that cannot be read.
[[nodiscard]] golden_result compare_golden_run(const std::string& folder,
                                               const nlohmann::json& case_json, kv_policy policy,
                                               ops::transformer_ops& ops, ops::memory& memory);

}  // namespace longlive
