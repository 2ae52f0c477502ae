#include "analyzers/commands/output.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "latency/detail/output_file.hpp"
#include "latency/detail/printable.hpp"
#include "latency/error.hpp"

namespace latency::commands {
namespace {

// 0, or the error number.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

// Holds the signals that end a program back for a while.
class uninterrupted {
 public:
  uninterrupted() {
    sigset_t ending;
    sigemptyset(&ending);
    for (const int signal : {SIGHUP, SIGINT, SIGTERM}) sigaddset(&ending, signal);
    sigprocmask(SIG_BLOCK, &ending, &before_);
  }
  ~uninterrupted() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  uninterrupted(const uninterrupted&) = delete;
  uninterrupted& operator=(const uninterrupted&) = delete;

 private:
  sigset_t before_;
};

void write_file(const std::string& text, const std::string& path) {
  struct stat existing {};
  const bool in_place = ::stat(path.c_str(), &existing) == 0 && !S_ISREG(existing.st_mode);
  std::optional<uninterrupted> until_it_stands;  // Ctrl-C leaves no temporary file
  if (!in_place) until_it_stands.emplace();      // but a pipe may be waited for without end
  detail::output_file file(path);
  file.write(text.data(), text.size());
  file.commit();
}

}  // namespace

void write_output(const std::string& text, const std::string& path) {
  if (!path.empty() && path != "-") return write_file(text, path);
  if (const int code = write_all(STDOUT_FILENO, text); code != 0 && code != EPIPE)
    throw error("stdout", "", std::strerror(code));
}

bool output_abandoned() {
  pollfd output{STDOUT_FILENO, 0, 0};
  return ::poll(&output, 1, 0) > 0 && (output.revents & POLLERR) != 0;
}

void complain(const std::string& problem) {
  std::fprintf(stderr, "latency: %s\n", detail::printable_line(problem).c_str());
}

bool on_terminal() {
  return ::isatty(STDOUT_FILENO) != 0;
}

bool colour_wanted() {
  const char* const refused = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  return (refused == nullptr || *refused == '\0') && on_terminal() &&
         (terminal == nullptr || std::string_view(terminal) != "dumb");
}

}  // namespace latency::commands
