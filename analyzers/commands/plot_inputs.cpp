#include "analyzers/commands/plot_inputs.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <system_error>

#include "analyzers/commands/document_parts.hpp"
#include "analyzers/commands/input_files.hpp"

namespace latency::commands {
namespace {

namespace fs = std::filesystem;

// Letters, digits, '-' and '_' of the file's name without what says its kind.
std::string harmless_name(const std::string& path) {
  std::string name = path == "-" ? "" : fs::path(path).filename().string();
  for (const std::string ending : {".gz", ".journal", ".json", ".trace", ".pt", ".log"})
    if (name.size() > ending.size() &&
        name.compare(name.size() - ending.size(), ending.size(), ending) == 0)
      name.resize(name.size() - ending.size());
  name.resize(std::min<std::size_t>(name.size(), 60));
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-') c = '_';
  return name.empty() ? "run" : name;
}

std::string unique_name(const std::deque<plotted_run>& taken, const std::string& path) {
  const std::string wanted = harmless_name(path);
  std::string name = wanted;
  const auto is_taken = [&](const plotted_run& run) { return run.name == name; };
  for (int i = 2; std::any_of(taken.begin(), taken.end(), is_taken); ++i)
    name = wanted + "_" + std::to_string(i);
  return name;
}

std::vector<std::string> files_of(const std::string& folder, const std::string& output) {
  std::error_code problem;
  std::vector<std::string> paths;
  fs::directory_iterator entries(folder, problem);
  for (; !problem && entries != fs::directory_iterator(); entries.increment(problem)) {
    std::error_code ignored;
    const fs::path& path = entries->path();
    const bool written = fs::equivalent(path, fs::path(output) / "trace.json", ignored) ||
                         fs::equivalent(path, fs::path(output) / "report.html", ignored);
    if (entries->is_regular_file(ignored) && !written) paths.push_back(path.string());
  }
  if (problem) throw error(folder, "", problem.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

plot_inputs open_plot_inputs(const std::vector<std::string>& files, const std::string& folder,
                             const std::string& output,
                             const std::function<void(const std::string&)>& reading) {
  plot_inputs result;
  const auto open = [&](const std::string& path) {
    reading(path);
    naming(path,
           [&] { result.runs.emplace_back(unique_name(result.runs, path), open_recording(path)); });
  };
  for (const std::string& path : files) open(path);
  if (folder.empty()) return result;
  for (const std::string& path : files_of(folder, output)) {
    try {
      open(path);
    } catch (const error& unreadable) {
      result.skipped.push_back({path, unreadable.what()});
    }
  }
  if (result.runs.empty())
    throw error(folder, "",
                "holds no recording (looked at " +
                    counted(static_cast<std::int64_t>(result.skipped.size()), "file") + ")");
  return result;
}

}  // namespace latency::commands
