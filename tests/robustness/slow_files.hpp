#pragma once
// Files of about a megabyte that make a careless reader, or a careless analysis, take forever: very
// much of one thing, in the worst order.

#include <string>
#include <vector>

namespace robustness {

[[nodiscard]] std::vector<std::string> slow_timing_files();
[[nodiscard]] std::vector<std::string> slow_traces();
[[nodiscard]] std::vector<std::string> slow_tracker_files();
[[nodiscard]] std::vector<std::string> slow_stage_logs();
[[nodiscard]] std::vector<std::string> slow_journals();
[[nodiscard]] std::vector<std::string> slow_configurations();
[[nodiscard]] std::vector<std::string> slow_prompts();
[[nodiscard]] std::vector<std::string> slow_safetensors();

}  // namespace robustness
