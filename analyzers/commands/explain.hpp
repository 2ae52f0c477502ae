#pragma once
// The subcommand `latency explain`.

#include <string>
#include <vector>

#include "analyzers/analysis/explanation.hpp"
#include "analyzers/commands/report_output.hpp"
#include "analyzers/render/document.hpp"
#include "latency/distortion.hpp"

namespace latency::commands {

struct explain_options {
  std::string file;
  std::string span;  // empty: blocks, or the spans whose slow instances cost most
  double fps = 25;   // pixel frames per second of the playout
  int most = 5;
  report_output output;
};

// Declares the subcommand; parsing fills `options`, which must outlive `app`.
CLI::App& add_explain(CLI::App& app, explain_options& options);

// Reads, analyses, writes. Returns 0. Throws latency::error for bad input; nothing is written then.
[[nodiscard]] int run_explain(const explain_options& options);

// `clean` as hygiene.hpp says, `distortions` as distortions.hpp does.
[[nodiscard]] render::document explain_document(const analysis::explanation_report& report,
                                                const std::string& source, bool clean,
                                                const std::vector<distortion>& distortions);

}  // namespace latency::commands
