#pragma once
// The keys of a configuration that say where weights come from.

#include "pipeline_reference/longlive/config.hpp"
#include "pipeline_reference/longlive/config_mapping.hpp"

namespace longlive {

// Reads generator_ckpt, lora_ckpt, adapter and use_ema of `root`; weights, vae_weights and lora of
// `own`, its mapping pipeline_reference. Adds a note for each of them that has no effect. Throws
// latency::error for values that are impossible or do not fit each other.
void read_weight_settings(config& c, config_mapping& root, config_mapping& own);

}  // namespace longlive
