#pragma once
// What a timing file says about the run that it measured (its `run` object).

#include <cstddef>
#include <string>
#include <vector>

#include "latency/session.hpp"
#include "pipeline_reference/longlive/config.hpp"
#include "pipeline_reference/longlive/prompt_cache.hpp"
#include "pipeline_reference/longlive/weight_loading.hpp"
#include "pipeline_reference/ops/device_facts.hpp"

namespace longlive {

void describe_run(latency::session& session, const config& settings,
                  const ops::device_facts& device, const std::string& prompts_path,
                  std::size_t prompt_index);

// What the prompt cache did for the clip that was made between the two counts.
void describe_prompt_cache(latency::session& session, const prompt_cache_counts& before,
                           const prompt_cache_counts& after);

// What came from files: tensors, bytes, rates; and what was done with the LoRA.
void describe_weights(latency::session& session, const config& settings,
                      const std::vector<loaded_file>& loaded);

}  // namespace longlive
