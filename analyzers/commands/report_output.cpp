#include "analyzers/commands/report_output.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>

#include "analyzers/commands/input_files.hpp"
#include "analyzers/commands/output.hpp"
#include "analyzers/render/display.hpp"
#include "analyzers/render/writers.hpp"

namespace latency::commands {
namespace {

// Files get names as they are; a terminal must not obey them.
std::string harmless(const std::string& text, const report_output& output) {
  if (!output.path.empty() || !on_terminal()) return text;
  std::string result;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    result += render::printable(std::string_view(text).substr(begin, end - begin)) + '\n';
    begin = end + 1;
  }
  return result;
}

}  // namespace

void add_report_output(CLI::App& command, report_output& output) {
  command.add_option("--format", output.format, "table, markdown, json or csv")
      ->check(CLI::IsMember({"table", "markdown", "json", "csv"}))
      ->capture_default_str();
  command.add_option("-o,--output", output.path, "write to this file, whole or not at all")
      ->type_name(a_file);
}

std::string report_text(const std::vector<render::document>& documents, const report_output& output,
                        bool all_columns) {
  if (output.format == "csv") return harmless(render::to_csv(documents), output);
  if (output.format == "json") return harmless(render::to_json(documents), output);
  const render::document shown =
      documents.size() == 1 ? documents[0] : render::side_by_side(documents, all_columns);
  if (output.format == "markdown") return render::to_markdown(shown);
  return render::to_terminal(shown, output.path.empty() && colour_wanted());
}

void write_report(const std::vector<render::document>& documents, const report_output& output,
                  bool all_columns) {
  write_output(report_text(documents, output, all_columns), output.path);
}

}  // namespace latency::commands
