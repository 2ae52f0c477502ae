#pragma once
// The subcommand `latency completion`: scripts by which shells complete the command line.

#include <string>

namespace CLI {
class App;
}

namespace latency::commands {

struct completion_options {
  std::string shell;                  // bash, zsh or fish
  const CLI::App* program = nullptr;  // whose subcommands and options are completed
};

// Declares the subcommand; parsing fills `options`, which must outlive `app`.
CLI::App& add_completion(CLI::App& app, completion_options& options);

// Writes the script to standard output. Returns 0.
[[nodiscard]] int run_completion(const completion_options& options);

}  // namespace latency::commands
