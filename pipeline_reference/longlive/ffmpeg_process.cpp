#include "pipeline_reference/longlive/ffmpeg_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "latency/error.hpp"
#include "pipeline_reference/files/text_file.hpp"

namespace longlive {
namespace {

void close_and_forget(int& fd) {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

int spawn(pid_t& process, int input, int errors, const std::vector<std::string>& arguments) {
  std::vector<char*> argv{
      const_cast<char*>("ffmpeg")};  // posix_spawnp does not write to its arguments
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
  const int code = ::posix_spawnp(&process, "ffmpeg", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return code;
}

}  // namespace

ffmpeg_process::ffmpeg_process(std::string path, const std::vector<std::string>& arguments)
    : path_(std::move(path)) {
  // A socket rather than a pipe: sending to a process that has gone is then an error and not a
  // signal.
  std::array<int, 2> ends{-1, -1};
  errors_ = ::memfd_create("ffmpeg-messages", MFD_CLOEXEC);
  if (errors_ < 0 || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    const int code = errno;
    close_and_forget(errors_);
    throw latency::error(path_, "", std::string("cannot talk to ffmpeg: ") + std::strerror(code));
  }
  input_ = ends[0];
  const int code = spawn(process_, ends[1], errors_, arguments);
  ::close(ends[1]);
  if (code == 0) return;
  process_ = -1;
  close_and_forget(input_);
  close_and_forget(errors_);
  throw latency::error(path_, "",
                       code == ENOENT ? "needs ffmpeg on the PATH; install it, or write a .y4m file"
                                      : std::string("cannot start ffmpeg: ") + std::strerror(code));
}

ffmpeg_process::~ffmpeg_process() {
  close_and_forget(input_);
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    wait();
  }
  close_and_forget(errors_);
}

void ffmpeg_process::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(input_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) fail();
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
}

void ffmpeg_process::finish() {
  close_and_forget(input_);
  const int status = wait();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  throw latency::error(path_, "", "ffmpeg failed" + last_words());
}

void ffmpeg_process::fail() {
  close_and_forget(input_);
  wait();
  throw latency::error(path_, "", "ffmpeg ended early" + last_words());
}

int ffmpeg_process::wait() {
  int status = 0;
  while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  process_ = -1;
  return status;
}

// ": " and the first line that it printed, if any.
std::string ffmpeg_process::last_words() const {
  std::array<char, 512> text{};
  const ssize_t size = ::pread(errors_, text.data(), text.size(), 0);
  if (size <= 0) return "";
  const std::string_view all(text.data(), static_cast<std::size_t>(size));
  return ": " + files::printable(all.substr(0, all.find('\n')));
}

}  // namespace longlive
