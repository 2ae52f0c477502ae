#include "analyzers/commands/output.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "analyzers/render/display.hpp"
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

void write_file(const std::string& text, const std::string& path) {
  struct stat existing {};
  const bool in_place = ::stat(path.c_str(), &existing) == 0 && !S_ISREG(existing.st_mode);
  const std::string name = in_place ? path : path + ".tmp" + std::to_string(::getpid());
  const int flags = O_WRONLY | O_CLOEXEC | (in_place ? 0 : O_CREAT | O_EXCL);
  const int descriptor = ::open(name.c_str(), flags, 0666);
  if (descriptor < 0) throw error(path, "", std::strerror(errno));
  int code = write_all(descriptor, text);
  if (::close(descriptor) != 0 && code == 0) code = errno;
  if (code == 0 && !in_place && ::rename(name.c_str(), path.c_str()) != 0) code = errno;
  if (code == 0) return;
  if (!in_place) ::unlink(name.c_str());
  throw error(path, "", std::strerror(code));
}

}  // namespace

void write_output(const std::string& text, const std::string& path) {
  if (!path.empty() && path != "-") return write_file(text, path);
  if (const int code = write_all(STDOUT_FILENO, text); code != 0 && code != EPIPE)
    throw error("stdout", "", std::strerror(code));
}

void complain(const std::string& problem) {
  std::fprintf(stderr, "latency: %s\n", render::printable(problem).c_str());
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
