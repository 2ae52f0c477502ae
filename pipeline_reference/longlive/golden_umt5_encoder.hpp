#pragma once
// The golden case kind "umt5_encoder": token ids with their mask, encoded to context [text_len,
// dim] by the published PyTorch code.

#include <nlohmann/json.hpp>
#include <string>

#include "pipeline_reference/longlive/golden_difference.hpp"
#include "pipeline_reference/ops/transformer_ops.hpp"

namespace longlive {

// Encodes ids.<i> of the case in `folder` (weights.safetensors, tensors.safetensors), as many of
// them as mask.<i> lets through, and compares with context.<i>. Throws latency::error for a case
// that cannot be read. Mismatches are lengths that differ from case.json.
golden_result compare_golden_umt5_encoder(const std::string& folder,
                                          const nlohmann::json& case_json,
                                          ops::transformer_ops& ops, ops::memory& memory);

}  // namespace longlive
