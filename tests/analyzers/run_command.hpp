#pragma once
// Runs a command as a user does, in a shell, and takes what it printed.

#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "tests/temporary_folder.hpp"

namespace latency_test {

struct command_result {
  int status = -1;  // exit code; -1 when a signal ended it
  std::string out;
  std::string err;
};

inline command_result run_command(const std::string& command) {
  const temporary_folder folder;
  const std::string redirected =
      "( " + command + " ) >" + (folder / "out") + " 2>" + (folder / "err");
  const int status = std::system(redirected.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(folder / "out"),
          read_file(folder / "err")};
}

#ifdef LATENCY_TOOL
inline command_result run_latency(const std::string& arguments) {
  return run_command(std::string(LATENCY_TOOL) + " " + arguments);
}
#endif

inline bool is_one_line(const std::string& text) {
  return !text.empty() && text.find('\n') == text.size() - 1;
}

}  // namespace latency_test
