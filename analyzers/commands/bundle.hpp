#pragma once
// A folder with a report and the files that it was made from.

#include <string>
#include <utility>
#include <vector>

namespace latency::commands {

struct bundled_file {
  std::string from;    // path
  std::string folder;  // in the bundle; the file keeps its name
};

// Copies the files and writes the report as report.md, into a folder that is new or empty, whole or
// not at all: under a temporary name beside it that is renamed when complete. Throws
// latency::error.
void write_bundle(const std::string& folder, const std::vector<bundled_file>& files,
                  const std::string& report);

}  // namespace latency::commands
