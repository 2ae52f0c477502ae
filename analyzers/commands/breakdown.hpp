#pragma once
// The subcommand `latency breakdown`.

#include <string>
#include <vector>

#include "analyzers/commands/report_output.hpp"

namespace latency::commands {

struct breakdown_options {
  std::vector<std::string> files;
  report_output output;
  std::vector<std::string> requirements;
  bool detailed = false;
  bool pooled = false;
};

// Declares the subcommand; parsing fills `options`, which must outlive `app`.
CLI::App& add_breakdown(CLI::App& app, breakdown_options& options);

// Reads, analyses, writes. Returns 0, or 1 when a requirement does not hold. Throws latency::error
// for bad input; nothing is written then.
[[nodiscard]] int run_breakdown(const breakdown_options& options);

}  // namespace latency::commands
