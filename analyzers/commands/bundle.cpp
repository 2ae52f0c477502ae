#include "analyzers/commands/bundle.hpp"

#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "analyzers/commands/output.hpp"
#include "latency/error.hpp"

namespace latency::commands {
namespace {

namespace fs = std::filesystem;

// Removed with what is in it, unless it was renamed.
class temporary_folder {
 public:
  explicit temporary_folder(const fs::path& beside)
      : beside_(beside), path_(beside.string() + "." + std::to_string(::getpid()) + ".tmp") {
    std::error_code failed;
    if (!fs::create_directory(path_, failed))
      throw error(beside.string(), "",
                  "cannot create: " + (failed ? failed.message() : path_.string() + " is there"));
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }
  void commit() {
    std::error_code failed;
    fs::rename(path_, beside_, failed);
    if (failed) throw error(beside_.string(), "", "cannot rename to it: " + failed.message());
    path_.clear();
  }

 private:
  fs::path beside_;
  fs::path path_;
};

void copy(const bundled_file& file, const fs::path& into) {
  std::error_code failed;
  const fs::path folder = into / file.folder;
  fs::create_directories(folder, failed);
  if (!failed) fs::copy_file(file.from, folder / fs::path(file.from).filename(), failed);
  if (failed) throw error(file.from, "", "cannot copy into the bundle: " + failed.message());
}

}  // namespace

void write_bundle(const std::string& folder, const std::vector<bundled_file>& files,
                  const std::string& report) {
  fs::path to = fs::path(folder).lexically_normal();
  if (!to.has_filename()) to = to.parent_path();  // "report/"
  std::error_code failed;
  if (fs::exists(to, failed) && !(fs::is_directory(to, failed) && fs::is_empty(to, failed)))
    throw error(folder, "", "is there and not an empty folder");
  temporary_folder made(to);
  for (const bundled_file& file : files) copy(file, made.path());
  write_output(report, (made.path() / "report.md").string());
  made.commit();
}

}  // namespace latency::commands
