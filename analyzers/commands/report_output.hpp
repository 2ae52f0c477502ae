#pragma once
// What the subcommands that print reports have in common: a format, and a place to write to.

#include <string>
#include <vector>

#include "analyzers/render/document.hpp"

namespace CLI {
class App;
}

namespace latency::commands {

struct report_output {
  std::string format = "table";  // table, markdown, json or csv
  std::string path;              // empty: standard output
};

// Declares --format and --output; parsing fills `output`, which must outlive `command`.
void add_report_output(CLI::App& command, report_output& output);

// Writes the documents as asked for, whole or not at all. Several stand side by side in tables
// (with all their columns when `all_columns`), one after the other in files. Throws latency::error
// when that cannot be written.
void write_report(const std::vector<render::document>& documents, const report_output& output,
                  bool all_columns = false);

// The same as text.
[[nodiscard]] std::string report_text(const std::vector<render::document>& documents,
                                      const report_output& output, bool all_columns = false);

}  // namespace latency::commands
