#include "pipeline_reference/longlive/prompt_reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include "latency/error.hpp"
#include "pipeline_reference/longlive/prompts.hpp"

namespace longlive {
namespace {

constexpr std::size_t most_complaints = 20;

int opened(const std::string& path) {
  if (path == "-") return STDIN_FILENO;
  const int file = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file < 0)
    throw latency::error(path, "", "cannot open: " + std::generic_category().message(errno));
  return file;
}

}  // namespace

prompt_reader::prompt_reader(const std::string& path, prompt_requests& to)
    : path_(path == "-" ? "standard input" : path),
      to_(to),
      input_(opened(path)),
      wake_(eventfd(0, EFD_CLOEXEC)),
      thread_([this] { run(); }) {}

std::vector<std::string> prompt_reader::stop() {
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    static_cast<void>(!write(wake_, &one, sizeof one));
    thread_.join();
    close(wake_);
    if (input_ != STDIN_FILENO) close(input_);
  }
  return std::exchange(complaints_, {});
}

void prompt_reader::run() {
  std::string text;
  for (;;) {
    pollfd both[2] = {{wake_, POLLIN, 0}, {input_, POLLIN, 0}};
    if (poll(both, 2, -1) < 0 && errno != EINTR) return;
    if (both[0].revents != 0) return;
    if (both[1].revents == 0) continue;
    char piece[4096];
    const ssize_t count = read(input_, piece, sizeof piece);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (count > 0) text.append(piece, static_cast<std::size_t>(count));
    take_lines(text, count <= 0);
    if (count <= 0) return;
    if (text.size() <= prompts_max_line_bytes) continue;
    complaints_.push_back(fmt::format("{}: line {}: more than {} bytes, nothing after it is read",
                                      path_, line_ + 1, prompts_max_line_bytes));
    return;
  }
}

// Whole lines leave the text; at the end of the input what is left is one, too.
void prompt_reader::take_lines(std::string& text, bool at_end) {
  std::size_t begin = 0;
  for (std::size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    ask(std::string_view(text).substr(begin, end - begin));
  if (at_end && begin < text.size()) ask(std::string_view(text).substr(begin));
  text.erase(0, at_end ? text.size() : begin);
}

void prompt_reader::ask(std::string_view line) {
  ++line_;
  if (line.find_first_not_of(" \t\r\f\v") == std::string_view::npos) return;
  try {
    std::vector<prompt_line> parsed = parse_prompts(std::string(line), false, path_);
    to_.request(std::move(parsed.front().prompts.front()));
  } catch (const latency::error& e) {
    if (complaints_.size() < most_complaints)
      complaints_.push_back(fmt::format("{} (its line {})", e.what(), line_));
  }
}

}  // namespace longlive
