// Writes the measured tables into documents, from the committed results.
//
//   results_table REPOSITORY            rewrites README.md and docs/*.md where they differ
//   results_table REPOSITORY --check    exits 1 when a table is not what the results say
//
// In a document, `<!-- results: span_cost -->` starts the tables of
// benchmarks/results/*/span_cost.json and `<!-- end results -->` ends them.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <latency/detail/output_file.hpp>
#include <latency/error.hpp>
#include <sstream>
#include <vector>

#include "benchmarks/result_file.hpp"
#include "latency/detail/printable.hpp"

namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::error_code ignored;
  std::ifstream file;
  if (fs::is_regular_file(path, ignored)) file.open(path, std::ios::binary);
  std::ostringstream text;
  if (!file.is_open() || !(text << file.rdbuf()))
    throw latency::error(path.string(), "", "cannot read, or empty");
  return text.str();
}

std::vector<fs::path> sorted_files(const fs::path& folder, const std::string& extension) {
  std::vector<fs::path> files;
  if (fs::exists(folder))
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.path().extension() == extension) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

// Names of kernels hold what markdown takes for HTML.
std::string escaped(const std::string& name) {
  std::string text;
  for (const char c : name) text += c == '<' ? "&lt;" : c == '|' ? "\\|" : std::string(1, c);
  return text;
}

// Ten digits, and whether the tree differed from that commit.
std::string shortened(const std::string& commit) {
  const std::size_t dash = commit.find('-');
  return commit.substr(0, 10) + (dash == std::string::npos ? "" : commit.substr(dash));
}

std::string tables_of(const fs::path& repository, const std::string& benchmark) {
  std::string text = "\n";
  for (const fs::path& path : sorted_files(repository / "benchmarks/results", ".json")) {
    if (path.stem() != benchmark) continue;
    const benchmarks::result_file file = benchmarks::parse_result_file(read(path), path.string());
    text += fmt::format("{}, commit {}, {}: `{}`\n\n", file.machine, shortened(file.commit),
                        file.date.substr(0, 10), file.command);
    const bool shows_work = std::any_of(file.rows.begin(), file.rows.end(),
                                        [](const benchmarks::row& row) { return row.work; });
    text += fmt::format(
        "| figure | median | interquartile range | n | {}ratio |\n|---|---|---|---|{}---|\n",
        shows_work ? "work | rate | " : "", shows_work ? "---|---|" : "");
    for (const benchmarks::row& row : file.rows) {
      const std::string spread = row.spread ? fmt::format("{:.3g}", *row.spread) : "";
      const std::string work =
          shows_work ? fmt::format("{} | {} | ", work_text(row), rate_text(row)) : "";
      text += fmt::format("| {} | {:.4g} {} | {} | {} | {}{} |\n", escaped(row.name), row.value,
                          row.unit, spread, row.n, work, benchmarks::ratio_text(row));
    }
    text += "\n";
  }
  return text;
}

std::string with_tables(const fs::path& repository, const fs::path& document) {
  const std::string begin = "<!-- results: ", end = "<!-- end results -->";
  std::string text = read(document);
  for (std::size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at + 1)) {
    const std::size_t name = at + begin.size(), name_end = text.find(" -->", name);
    const std::size_t close = text.find(end, at);
    if (name_end == std::string::npos || close == std::string::npos)
      throw latency::error(document.string(), fmt::format("byte {}", at),
                           "results without their end");
    const std::size_t body = name_end + std::strlen(" -->");
    text.replace(body, close - body, tables_of(repository, text.substr(name, name_end - name)));
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) try {
  const bool check = argc == 3 && std::strcmp(argv[2], "--check") == 0;
  if (argc != 2 && !check) throw latency::error("usage: results_table REPOSITORY [--check]");
  const fs::path repository = argv[1];
  std::vector<fs::path> documents = sorted_files(repository / "docs", ".md");
  documents.push_back(repository / "README.md");
  int stale = 0;
  for (const fs::path& document : documents) {
    const std::string text = with_tables(repository, document);
    if (text == read(document)) continue;
    ++stale;
    fmt::print("{}: {}\n", document.string(),
               check ? "a table is not what benchmarks/results say" : "written");
    if (check) continue;
    latency::detail::output_file out(document.string());
    out.write(text.data(), text.size());
    out.commit();
  }
  return check && stale > 0 ? 1 : 0;
} catch (const std::exception& e) {
  fmt::print(stderr, "results_table: {}\n", latency::detail::printable_line(e.what()));
  return 2;
}
