#pragma once
// Work done in a process of its own, so that it finds nothing that was started before it.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <string>

#include "latency/detail/printable.hpp"
#include "latency/error.hpp"

namespace latency::detail {

// A child of fork() has the calling thread only: what others hold (locks, a GPU) is lost to it.
[[nodiscard]] inline bool has_other_threads() {
  std::error_code none;
  std::size_t threads = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", none))
    threads += entry.path().empty() ? 0 : 1;
  return threads > 1;
}

inline void write_all(int to, const std::string& text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t written = ::write(to, text.data() + at, text.size() - at);
    if (written <= 0 && errno != EINTR) return;  // the parent misses the rest
    if (written > 0) at += static_cast<std::size_t>(written);
  }
}

// All that comes until the other end is closed. False when that has not happened by the deadline.
[[nodiscard]] inline bool read_all(int from, std::chrono::steady_clock::time_point deadline,
                                   std::string& text) {
  using std::chrono::milliseconds;
  char part[4096];
  for (;;) {
    const auto left =
        std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return false;
    pollfd waiting{from, POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000))) <= 0) continue;
    const ssize_t read = ::read(from, part, sizeof part);
    if (read == 0 || (read < 0 && errno != EINTR)) return true;
    if (read > 0) text.append(part, static_cast<std::size_t>(read));
  }
}

// Returns the text that `work` returns in a child of fork(), which ends there: no destructor of
// this process's objects runs in it. A child that takes longer than `at_most` is killed. Throws
// latency::error with what `work` threw, or with how the child ended instead, in one line.
template <class Work>
[[nodiscard]] std::string returned_by_child(const Work& work, std::chrono::seconds at_most) {
  constexpr char returned = 'r', threw = 't';
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw error(std::string("cannot make a pipe: ") + std::strerror(errno));
  std::fflush(nullptr);  // else the child would write what waits here once more
  const pid_t child = ::fork();
  if (child < 0) {
    const int cause = errno;
    ::close(ends[0]), ::close(ends[1]);
    throw error(std::string("cannot fork: ") + std::strerror(cause));
  }
  if (child == 0) {
    std::string message;
    try {
      message = returned + work();
    } catch (const std::exception& e) {
      message = threw + std::string(e.what());
    } catch (...) {
      message = threw + std::string("an exception of an unknown kind");
    }
    std::fflush(nullptr);
    write_all(ends[1], message);
    ::_exit(message[0] == returned ? 0 : 1);
  }
  ::close(ends[1]);
  std::string message;
  const bool told = read_all(ends[0], std::chrono::steady_clock::now() + at_most, message);
  ::close(ends[0]);
  if (!told) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!told)
    throw error("its process took longer than " + std::to_string(at_most.count()) +
                " s, and was killed");
  if (!message.empty() && message[0] == threw) throw error(printable_line(message.substr(1)));
  if (WIFSIGNALED(status))
    throw error("its process was ended by signal " + std::to_string(WTERMSIG(status)) + " (" +
                strsignal(WTERMSIG(status)) + ")");
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
    throw error("its process exited with status " + std::to_string(WEXITSTATUS(status)));
  if (message.empty() || message[0] != returned)
    throw error("its process exited before the workload returned");
  return message.substr(1);
}

}  // namespace latency::detail
