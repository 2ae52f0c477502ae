#pragma once
// What a user wants drawn: files, and every readable file of a folder.

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "analyzers/commands/breakdown_report.hpp"
#include "latency/recording.hpp"

namespace latency::commands {

struct plotted_run {
  plotted_run(std::string with_name, recording read)
      : name(std::move(with_name)), run(std::move(read)), report(run) {}
  plotted_run(const plotted_run&) = delete;
  plotted_run& operator=(const plotted_run&) = delete;

  std::string name;  // of its charts where there are several: from its file, unique, harmless
  recording run;
  breakdown_report report;
};

struct skipped_file {
  std::string path;
  std::string why;
};

struct plot_inputs {
  std::deque<plotted_run> runs;  // in the order given, of a folder by name
  std::vector<skipped_file> skipped;
};

// Files given by name must be readable: throws latency::error. Of `folder` (empty: none) what is no
// recording is skipped, and so is what an earlier call with the same `output` folder wrote; throws
// latency::error when there is no such folder, or nothing to draw in all. `reading` is called with
// each path before it is read.
[[nodiscard]] plot_inputs open_plot_inputs(const std::vector<std::string>& files,
                                           const std::string& folder, const std::string& output,
                                           const std::function<void(const std::string&)>& reading);

}  // namespace latency::commands
