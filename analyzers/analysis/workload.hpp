#pragma once
// Did two runs do the same work? Only then does it mean something that one was faster.

#include <map>
#include <string>
#include <vector>

#include "latency/recording.hpp"

namespace latency::analysis {

// Properties of a run that say what it computed, as opposed to how and where: sizes, numbers of
// frames and steps, model, prompts. Attention back end, sparsity, device and commit are not among
// them: those are what people compare.
[[nodiscard]] bool is_workload_property(const std::string& name);

[[nodiscard]] std::string text_of(const run_value& value);

struct property_difference {
  std::string name;
  std::string first;  // as text; "(not given)" when only the other has it
  std::string second;
};

// By name. All properties that differ; `workload_differences` those of the workload that both runs
// give (a property that only one gives proves nothing).
[[nodiscard]] std::vector<property_difference> property_differences(
    const std::map<std::string, run_value>& first, const std::map<std::string, run_value>& second);
[[nodiscard]] std::vector<property_difference> workload_differences(
    const std::map<std::string, run_value>& first, const std::map<std::string, run_value>& second);

}  // namespace latency::analysis
