#include "analyzers/timeline/journal_watch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "analyzers/timeline/file_kind.hpp"
#include "analyzers/timeline/mapped_file.hpp"
#include "latency/error.hpp"
#include "latency/journal_reader.hpp"

namespace latency::timeline {
namespace {

using clock = std::chrono::steady_clock;

// Some file systems do not report changes: their files are looked at now and then.
constexpr std::chrono::seconds longest_sleep{10};

int milliseconds_until(clock::time_point time) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000));
}

}  // namespace

journal_watch::journal_watch(std::string path) : path_(std::move(path)) {
  file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status {};
  if (file_ < 0 || ::fstat(file_, &status) != 0) {
    const int code = errno;
    if (file_ >= 0) ::close(file_);
    throw error(path_, "", std::strerror(code));
  }
  if (!S_ISREG(status.st_mode)) {
    ::close(file_);
    throw error(path_, "", "is not a regular file; only the journal of a run can be followed");
  }
  char head[4096];
  const ssize_t size = ::pread(file_, head, sizeof head, 0);
  if (size > 0) {
    const recognised_file found = recognise({head, static_cast<std::size_t>(size)});
    if (found.kind != file_kind::journal) {
      ::close(file_);
      throw error(path_, "", found.is + "; only the journal of a run can be followed");
    }
  }
  events_ = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (events_ >= 0)
    ::inotify_add_watch(events_, path_.c_str(), IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB);
}

journal_watch::~journal_watch() {
  if (events_ >= 0) ::close(events_);
  ::close(file_);
}

bool journal_watch::empty() const {
  struct stat status {};
  return ::fstat(file_, &status) != 0 || status.st_size == 0;
}

recording journal_watch::read() const {
  const mapped_file file("/dev/fd/" + std::to_string(file_));
  return read_journal(reinterpret_cast<const std::uint64_t*>(file.bytes().data()),
                      file.bytes().size() / sizeof(std::uint64_t), path_);
}

bool journal_watch::over() {
  take_events();
  struct stat status {};
  if (::fstat(file_, &status) != 0 || status.st_nlink == 0) return true;
  // A lease to read is only given where nobody has the file open for writing.
  ::fcntl(file_, F_SETSIG, SIGURG);  // breaking a lease must not end this program
  if (::fcntl(file_, F_SETLEASE, F_RDLCK) == 0) {
    ::fcntl(file_, F_SETLEASE, F_UNLCK);
    return true;
  }
  return errno != EAGAIN && closed_;
}

void journal_watch::take_events() {
  if (events_ < 0) return;
  alignas(inotify_event) char buffer[4096];
  for (;;) {
    const ssize_t size = ::read(events_, buffer, sizeof buffer);
    if (size <= 0) return;
    for (ssize_t at = 0; at < size;) {
      inotify_event event{};
      std::memcpy(&event, buffer + at, sizeof event);
      changed_ = true;
      closed_ = closed_ || (event.mask & IN_CLOSE_WRITE) != 0;
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
}

void journal_watch::wait(std::chrono::nanoseconds pause, int descriptor) {
  const clock::time_point earliest = clock::now() + pause;
  const clock::time_point latest = std::max(earliest, clock::now() + longest_sleep);
  while (clock::now() < latest && !over()) {
    if (changed_ && clock::now() >= earliest) break;
    // A file that grows all the time is not listened to before the pause is over.
    const bool listen = !changed_;
    pollfd sources[2] = {{descriptor, POLLIN, 0}, {listen ? events_ : -1, POLLIN, 0}};
    const int ready = ::poll(sources, 2, milliseconds_until(changed_ ? earliest : latest));
    if (ready < 0 && errno != EINTR) break;
    if (ready > 0 && sources[0].revents != 0) break;
  }
  changed_ = false;
}

}  // namespace latency::timeline
