#pragma once
// The subcommand `latency breakdown`.

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace latency::commands {

struct breakdown_options {
  std::vector<std::string> files;
  std::string format = "table";  // table, markdown, json or csv
  std::string output;            // empty: standard output
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
