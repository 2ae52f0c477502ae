#include "analyzers/commands/breakdown_follow.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "analyzers/timeline/journal_watch.hpp"

namespace latency::commands {
namespace {

// Makes Ctrl-C readable instead of deadly, as long as it lives.
class interruption {
 public:
  interruption() {
    sigset_t ending;
    sigemptyset(&ending);
    for (const int signal : {SIGINT, SIGTERM}) sigaddset(&ending, signal);
    sigprocmask(SIG_BLOCK, &ending, &before_);
    descriptor_ = ::signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~interruption() {
    signalfd_siginfo taken;
    while (::read(descriptor_, &taken, sizeof taken) > 0) continue;
    ::close(descriptor_);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  interruption(const interruption&) = delete;
  interruption& operator=(const interruption&) = delete;

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] bool came() const {
    pollfd source{descriptor_, POLLIN, 0};
    return ::poll(&source, 1, 0) > 0;
  }

 private:
  sigset_t before_;
  int descriptor_ = -1;
};

}  // namespace

void follow(const std::string& path, std::chrono::nanoseconds interval,
            const std::function<bool(const recording& run, bool last)>& show) {
  using clock = std::chrono::steady_clock;
  timeline::journal_watch journal(path);
  const interruption interrupted;
  for (;;) {
    const clock::time_point start = clock::now();
    const bool last =
        journal.over() || interrupted.came();  // asked before reading: nothing is missed
    if (!journal.empty() || last) {
      const recording run = journal.read();
      const bool ended = !run.hygiene.incomplete;
      if (!show(run, last || ended) || last || ended) return;
    }
    journal.wait(std::max<std::chrono::nanoseconds>(interval, 9 * (clock::now() - start)),
                 interrupted.descriptor());
  }
}

std::string live_screen(const std::string& report) {
  winsize size{};
  std::size_t lines_left = 24;
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0) lines_left = size.ws_row;
  const auto lines = static_cast<std::size_t>(std::count(report.begin(), report.end(), '\n'));
  std::string result = "\x1b[H";
  std::size_t begin = 0, shown = 0;
  lines_left -= std::min<std::size_t>(lines_left, 2);  // the note below, and the cursor
  for (; begin < report.size() && shown < lines_left; ++shown) {
    const std::size_t end = std::min(report.find('\n', begin), report.size());
    result += report.substr(begin, end - begin) + "\x1b[K\n";
    begin = end + 1;
  }
  return result +
         fmt::format("live; {} more lines come with the end of the run, or Ctrl-C\x1b[K\x1b[J\n",
                     lines - shown);
}

}  // namespace latency::commands
