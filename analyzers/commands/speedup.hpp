#pragma once
// The subcommand `latency speedup`.

#include <optional>
#include <string>
#include <vector>

#include "analyzers/commands/report_output.hpp"

namespace CLI {
class App;
}

namespace latency::commands {

// What is given for one side; names that are empty are detected.
struct speedup_side_options {
  std::string log;
  std::string trace;  // a file, or a folder with one for each rank
  std::string series;
  std::string kernel;
  std::string annotation;
  std::string section_from, section_to;    // regular expressions
  std::string sample_unit;                 // of ">>>>" lines, over label and plausibility
  std::optional<double> kernels_per_call;  // launches in one attention call
  std::optional<double> attention_min_s, attention_max_s;
  std::vector<std::string> metadata;  // NAME=VALUE
};

struct speedup_options {
  speedup_side_options baseline, candidate;
  std::string stage;
  std::vector<std::string> metadata;  // of both sides
  std::string metadata_file;
  std::string bundle;  // a folder
  report_output output;
  bool force = false;
};

// Declares the subcommand; parsing fills `options`, which must outlive `app`.
CLI::App& add_speedup(CLI::App& app, speedup_options& options);

// Reads, analyses, writes. Returns 0. Throws latency::error for bad input, and for sides that did
// different work (without --force); nothing is written then.
[[nodiscard]] int run_speedup(const speedup_options& options);

}  // namespace latency::commands
