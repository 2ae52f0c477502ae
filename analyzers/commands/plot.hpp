#pragma once
// `latency plot`: pictures, their data, a page that shows them, and a trace for Perfetto.

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace latency::commands {

struct plot_options {
  std::vector<std::string> files;
  std::string input_dir;
  std::string output_dir;
  std::string theme = "light";  // of the SVGs: light or dark
  bool without_svg = false;
};

// Declares the subcommand; parsing fills `options`, which must outlive `app`.
CLI::App& add_plot(CLI::App& app, plot_options& options);

// Returns the exit code: 0. Throws latency::error when nothing could be read or written.
int run_plot(const plot_options& options);

}  // namespace latency::commands
