#pragma once
// Prompts that come in while a clip is generated, one per line.

#include <string>
#include <thread>
#include <vector>

#include "pipeline_reference/longlive/prompt_requests.hpp"

namespace longlive {

// Reads lines on a thread of its own, from its making to the end of the input or its own, and asks
// `to` for each. Blank lines are skipped.
class prompt_reader {
 public:
  // "-": standard input; otherwise a file or a named pipe. Throws latency::error where it cannot be
  // opened. Keeps a reference to `to`.
  prompt_reader(const std::string& path, prompt_requests& to);
  prompt_reader(const prompt_reader&) = delete;
  prompt_reader& operator=(const prompt_reader&) = delete;
  ~prompt_reader() { stop(); }

  // Reads no more. Returns what was wrong with lines that were not asked for, one text each.
  std::vector<std::string> stop();

 private:
  void run();
  void take_lines(std::string& text, bool at_end);
  void ask(std::string_view line);

  std::string path_;
  prompt_requests& to_;
  int input_ = -1;
  int wake_ = -1;  // readable: stop
  int line_ = 0;
  std::vector<std::string> complaints_;  // of the thread, until it has ended
  std::thread thread_;
};

}  // namespace longlive
