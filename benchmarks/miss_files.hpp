#pragma once
// The files that a flight recorder writes of missed deadlines, while it does: which pixel frames
// each of them holds.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <latency/error.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace benchmarks {

struct miss_file {
  std::int64_t pixel_frame = 0;  // the late one that it was written for
  std::int64_t before_ns = 0;    // from the begin of its window until that was complete
  std::int64_t after_ns = 0;     // from then to the end of its window
};

class miss_files {
 public:
  // Of "STEM.flight-NNNN.json" in `folder`; those that are there already do not count.
  miss_files(std::filesystem::path folder, const std::string& stem)
      : folder_(std::move(folder)), prefix_(stem + ".flight-") {
    new_files();
  }

  // Reads the first kilobytes of the files that came since the last look. `written`: so many the
  // session has written; the folder is not read while that stays. Often enough that none has been
  // removed again. Throws latency::error for a file that is not of a missed deadline.
  void look(std::int64_t written) {
    if (written == written_) return;
    written_ = written;
    for (const std::filesystem::path& path : new_files()) found_.push_back(read(path));
  }
  [[nodiscard]] const std::vector<miss_file>& found() const noexcept { return found_; }

 private:
  std::vector<std::filesystem::path> new_files() {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      const std::filesystem::path& path = entry.path();
      const std::string name = path.filename().string();
      if (name.compare(0, prefix_.size(), prefix_) == 0 && path.extension() == ".json" &&
          seen_.insert(name).second)
        paths.push_back(path);
    }
    return paths;
  }

  static miss_file read(const std::filesystem::path& path) {
    std::string head(std::size_t{64} << 10, '\0');
    std::ifstream file(path, std::ios::binary);
    file.read(head.data(), static_cast<std::streamsize>(head.size()));
    head.resize(static_cast<std::size_t>(file.gcount()));
    const auto number = [&](const std::string& key) {
      const std::string before = '"' + key + "\":";
      const std::size_t at = head.find(before);
      if (at == std::string::npos) throw latency::error(path.string(), key, "not at its begin");
      return std::stoll(head.substr(at + before.size(), 20));
    };
    miss_file found;
    found.pixel_frame = number("flight_pixel_frame");
    found.before_ns = number("flight_trigger_ns");
    found.after_ns = number("wall_ns") - found.before_ns;
    return found;
  }

  std::filesystem::path folder_;
  std::string prefix_;
  std::set<std::string> seen_;
  std::int64_t written_ = 0;
  std::vector<miss_file> found_;
};

}  // namespace benchmarks
