#pragma once
// The subcommand `latency compare`.

#include <string>
#include <vector>

#include "analyzers/commands/report_output.hpp"

namespace latency::commands {

struct compare_options {
  std::vector<std::string> files;  // BASE CANDIDATE
  std::vector<std::string> base;   // or any number for each side
  std::vector<std::string> candidate;
  std::vector<std::string> components;  // empty: all
  std::string threshold = "2%";
  std::string run_to_run = "1%";
  std::string min_share = "1%";
  bool force = false;
  report_output output;
};

// Declares the subcommand; parsing fills `options`, which must outlive `app`.
CLI::App& add_compare(CLI::App& app, compare_options& options);

// Reads, compares, writes. Returns 0, 1 (something is slower than the threshold) or 3 (it cannot be
// told). Throws latency::error for bad input and for different workloads; nothing is written then.
[[nodiscard]] int run_compare(const compare_options& options);

}  // namespace latency::commands
