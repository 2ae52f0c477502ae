#include "tests/robustness/test_case.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

#include "latency/detail/printable.hpp"
#include "tests/robustness/limited_process.hpp"

namespace robustness {
namespace {

namespace fs = std::filesystem;

void place(const placed_file& file, const fs::path& folder) {
  const fs::path path = folder / file.path;
  fs::create_directories(path.parent_path());
  switch (file.is) {
    case placed_file::type::folder:
      fs::create_directory(path);
      return;
    case placed_file::type::link:
      fs::create_symlink(file.content, path);
      return;
    case placed_file::type::fifo:
      if (mkfifo(path.c_str(), 0600) != 0) throw std::runtime_error("cannot make a fifo");
      return;
    case placed_file::type::file:
    case placed_file::type::unreadable:
      std::ofstream(path, std::ios::binary) << file.content;
      if (file.is == placed_file::type::unreadable) fs::permissions(path, fs::perms::none);
  }
}

// Everything below the folder but folders.
std::set<std::string> files_in(const fs::path& folder) {
  std::set<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_symlink() || !entry.is_directory())
      found.insert(entry.path().lexically_relative(folder).string());
  return found;
}

std::string shown(const std::string& text) {
  return latency::detail::printable(text.substr(0, 300));
}

// What programs that work for long say meanwhile is no complaint.
std::string without_progress(const std::string& err) {
  std::istringstream lines(err);
  std::string rest;
  for (std::string line; std::getline(lines, line);)
    if (line.rfind("progress: ", 0) != 0) rest += line + (lines.eof() ? "" : "\n");
  return rest;
}

std::string fault_of_error(const test_case& the_case, const std::string& err) {
  if (err.empty()) return "exit 2 without a word on stderr";
  if (err.back() != '\n' || std::count(err.begin(), err.end(), '\n') != 1)
    return "exit 2 with other than one line on stderr: " + shown(err);
  const std::string line = err.substr(0, err.size() - 1);
  if (latency::detail::printable(line) != line)
    return "a line on stderr that is not printable: " + shown(line);
  if (line.find(": ") == line.npos || line.size() < 8) return "an error that says nothing: " + line;
  if (line.size() > 2100) return "an error of " + std::to_string(line.size()) + " bytes";
  const auto is_named = [&](const std::string& name) { return line.find(name) != line.npos; };
  if (!the_case.named.empty() &&
      std::none_of(the_case.named.begin(), the_case.named.end(), is_named))
    return "an error that does not name " + the_case.named.front() + ": " + shown(line);
  return "";
}

std::string fault_of_end(const test_case& the_case, const process_end& end,
                         const process_limits& limits) {
  if (end.hung) return "does not end";
  if (end.signal != 0)
    return std::string("killed by ") + strsignal(end.signal) + ", stderr: " + shown(end.err);
  if (end.peak_resident_bytes > limits.resident_bytes)
    return "took " + std::to_string(end.peak_resident_bytes >> 20) + " MiB of memory";
  const std::string err = without_progress(end.err);
  switch (end.exit_code) {
    case 0:
      return err.empty() ? "" : "exit 0 with words on stderr: " + shown(err);
    case 1:
    case 3:
      return the_case.may_judge ? ""
                                : "exit " + std::to_string(end.exit_code) +
                                      ", which it does not document: " + shown(end.err);
    case 2:
      return fault_of_error(the_case, err);
    case 143:  // SIGTERM, which it obeyed
      return the_case.may_run_long ? "" : "exit 143";
    default:
      return "exit " + std::to_string(end.exit_code) + ": " + shown(end.err);
  }
}

std::string fault_of_files(const std::set<std::string>& before, const std::set<std::string>& after,
                           int exit_code) {
  for (const std::string& file : before)
    if (after.count(file) == 0) return "took away " + file;
  for (const std::string& file : after) {
    if (before.count(file) != 0) continue;
    const bool unfinished = file.find(".tmp") != file.npos || file.find(".journal") != file.npos;
    if (exit_code == 2 || unfinished) return "left " + shown(file) + " behind";
  }
  return "";
}

}  // namespace

outcome run_case(const test_case& the_case, const std::string& folder, process_runner& runner,
                 bool keep) {
  const fs::path work = fs::path(folder) / "work", temporary = fs::path(folder) / "tmp";
  fs::create_directories(work / "out");
  fs::create_directories(temporary);
  for (const placed_file& file : the_case.files) place(file, work);
  const std::set<std::string> before = files_in(work);
  process_limits limits;
  limits.resident_bytes = std::int64_t{LATENCY_RESIDENT_MIB} << 20;
  if (the_case.may_run_long) limits.stop_after_ms = 3000;
  const process_end end = runner.run(the_case.arguments, {work, temporary, the_case.piped}, limits);
  outcome result{end.exit_code, fault_of_end(the_case, end, limits)};
  if (result.fault.empty()) result.fault = fault_of_files(before, files_in(work), end.exit_code);
  const std::set<std::string> forgotten = files_in(temporary);
  if (result.fault.empty() && !forgotten.empty())
    result.fault = "left " + *forgotten.begin() + " in the temporary folder";
  if (!keep) {
    fs::remove_all(work);
    fs::remove_all(temporary);
  }
  return result;
}

}  // namespace robustness
