#pragma once
// Reads one side of a speedup: its log, its traces, and what is said of the run.

#include "analyzers/commands/speedup.hpp"
#include "analyzers/commands/speedup_report.hpp"

namespace latency::commands {

// Both sides. Throws latency::error, naming the file, when one cannot be read or does not hold what
// was asked for.
[[nodiscard]] speedup_sides read_sides(const speedup_options& options);

}  // namespace latency::commands
