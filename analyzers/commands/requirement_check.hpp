#pragma once
// Compares a recording with what --require asks of it.

#include <string>
#include <vector>

#include "analyzers/analysis/components.hpp"
#include "analyzers/commands/requirement_parser.hpp"
#include "analyzers/render/document.hpp"
#include "latency/recording.hpp"

namespace latency::commands {

struct requirement_verdict {
  render::section shown;              // one line for each requirement
  std::vector<std::string> failures;  // one sentence for each that does not hold
};

// Throws latency::error when a requirement cannot be decided: no span has the name (the nearest one
// is suggested; `count` of it is 0), or too few spans for P99.
[[nodiscard]] requirement_verdict check_requirements(const recording& run,
                                                     const analysis::component_table& components,
                                                     const std::string& source,
                                                     const std::vector<requirement>& wanted);

}  // namespace latency::commands
