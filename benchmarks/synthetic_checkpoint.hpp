#pragma once
// Checkpoints of the transformer, in bf16 with random values, larger than memory need be.

#include <string>

#include "pipeline_reference/longlive/dit_config.hpp"

namespace benchmarks {

// Names and shapes of dit_tensors(), at the file's top. Throws latency::error.
void write_bf16_safetensors(const std::string& path, const longlive::dit_config& config);
// The same as torch.save({"generator": model.state_dict()}, path) writes it, with a storage for
// each tensor and "model." before the names.
void write_bf16_pytorch(const std::string& path, const longlive::dit_config& config);

}  // namespace benchmarks
