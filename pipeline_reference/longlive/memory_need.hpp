#pragma once
// Whether a machine can hold what a configuration asks for.

#include <cstdint>

#include "pipeline_reference/longlive/config.hpp"

namespace longlive {

// Bytes that a run on the CPU cannot do without: the KV cache, the latents of the clip and, when
// they are made up and not mapped from a file, the weights of the transformer and the text encoder.
[[nodiscard]] std::int64_t least_memory_bytes(const config& c);

// Throws latency::error naming the configuration when this machine has less memory than that. A
// system that lends memory it does not have would let the run begin, and kill it in the middle.
void require_memory(const config& c);

}  // namespace longlive
