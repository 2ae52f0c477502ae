#pragma once
// Runs a program and takes what it printed.

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/temporary_folder.hpp"

namespace longlive_tests {

struct program_result {
  int exit_code = -1;
  std::string out;
  std::string err;
};

// A started program whose output goes to files of `folder`.
class running_program {
 public:
  running_program(const latency_test::temporary_folder& folder, std::vector<std::string> arguments)
      : out_(folder / "stdout"), err_(folder / "stderr") {
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    constexpr int flags = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out_.c_str(), flags, 0644);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err_.c_str(), flags, 0644);
    const int failed = posix_spawn(&process_, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) throw std::runtime_error("cannot start " + arguments[0]);
  }

  void interrupt() const { kill(process_, SIGINT); }
  [[nodiscard]] std::string printed() const { return latency_test::read_file(out_); }

  // Waits for its end; a program killed by a signal has exit code 128 + signal.
  [[nodiscard]] program_result wait() const {
    int status = 0;
    waitpid(process_, &status, 0);
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return {code, latency_test::read_file(out_), latency_test::read_file(err_)};
  }

 private:
  std::string out_;
  std::string err_;
  pid_t process_ = -1;
};

}  // namespace longlive_tests
