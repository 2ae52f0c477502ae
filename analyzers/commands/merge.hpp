#pragma once
// The subcommand `latency merge`.

#include <string>
#include <vector>

#include "analyzers/commands/report_output.hpp"

namespace latency::commands {

struct merge_options {
  std::vector<std::string> files;
  std::string merged;                 // the timing file to write
  std::vector<std::string> barriers;  // empty: found by their names
  std::string wall_clock_uncertainty = "1ms";
  std::string format = "table";
  bool force = false;
};

// Declares the subcommand; parsing fills `options`, which must outlive `app`.
CLI::App& add_merge(CLI::App& app, merge_options& options);

// Reads, aligns, writes the timing file and prints how well it could be aligned. Returns 0. Throws
// latency::error for bad input, and when the clocks cannot be aligned well enough; nothing is
// written then.
[[nodiscard]] int run_merge(const merge_options& options);

}  // namespace latency::commands
