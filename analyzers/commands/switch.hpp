#pragma once
// The subcommand `latency switch`.

#include <string>
#include <vector>

#include "analyzers/commands/report_output.hpp"

namespace CLI {
class App;
}

namespace latency::commands {

struct switch_options {
  std::vector<std::string> files;
  report_output output;
  bool detailed = false;
};

// Declares the subcommand; parsing fills `options`, which must outlive `app`.
CLI::App& add_switch(CLI::App& app, switch_options& options);

// Reads, analyses, writes. Returns 0. Throws latency::error for bad input; nothing is written then.
[[nodiscard]] int run_switch(const switch_options& options);

}  // namespace latency::commands
