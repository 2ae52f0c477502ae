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
  bool without_switches = false;
  std::string sample_unit;  // of logs, over their label
  bool pooled = false;
  std::string exported;   // "legacy": write the file in that shape instead of a report
  bool follow = false;    // the one file is a journal that still grows
  double interval_s = 2;  // at least, between two reports of it
};

// Declares the subcommand; parsing fills `options`, which must outlive `app`.
CLI::App& add_breakdown(CLI::App& app, breakdown_options& options);

// Reads, analyses, writes. Returns 0, or 1 when a requirement does not hold. Throws latency::error
// for bad input; nothing is written then.
[[nodiscard]] int run_breakdown(const breakdown_options& options);

}  // namespace latency::commands
