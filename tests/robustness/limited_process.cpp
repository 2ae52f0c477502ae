#include "tests/robustness/limited_process.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace robustness {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

void limit(__rlimit_resource resource, std::uint64_t most) {
  rlimit bound{};
  getrlimit(resource, &bound);
  bound.rlim_cur = bound.rlim_max == RLIM_INFINITY ? most : std::min<rlim_t>(most, bound.rlim_max);
  if (setrlimit(resource, &bound) != 0) fail("cannot set a limit");
}

std::string read_start(int file) {
  constexpr std::size_t most_bytes = std::size_t{1} << 20;
  const off_t size = lseek(file, 0, SEEK_END);
  std::string text(std::min<std::size_t>(static_cast<std::size_t>(size), most_bytes), '\0');
  const ssize_t count = pread(file, text.data(), text.size(), 0);
  text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return text;
}

// A pipe's reading end, with all of `content` in the pipe and nobody at its writing end.
class filled_pipe {
 public:
  explicit filled_pipe(const std::string& content) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) fail("cannot make a pipe");
    reading_ = ends[0];
    constexpr std::size_t room_bytes = 65536;
    const ssize_t written = ::write(ends[1], content.data(), std::min(content.size(), room_bytes));
    ::close(ends[1]);
    if (written < 0) fail("cannot fill a pipe");
  }
  ~filled_pipe() { ::close(reading_); }
  filled_pipe(const filled_pipe&) = delete;
  filled_pipe& operator=(const filled_pipe&) = delete;
  [[nodiscard]] int reading() const noexcept { return reading_; }

 private:
  int reading_;
};

// Waits for the end of a child, whom pidfd stands for. False when the time is over.
bool ended_within(int pidfd, int ms) {
  pollfd watched{pidfd, POLLIN, 0};
  int ready = 0;
  do ready = poll(&watched, 1, ms);
  while (ready < 0 && errno == EINTR);
  return ready != 0;
}

}  // namespace

bool restrict_children(std::uint64_t address_space_bytes) {
  limit(RLIMIT_CORE, 0);
  if (address_space_bytes != 0) limit(RLIMIT_AS, address_space_bytes);
  if (geteuid() != 0) return true;
  // A program that root starts has every capability but those outside this set.
  return prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0) == 0 &&
         prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH, 0, 0, 0) == 0;
}

process_runner::process_runner()
    : out_(memfd_create("out", MFD_CLOEXEC)), err_(memfd_create("err", MFD_CLOEXEC)) {
  if (out_ < 0 || err_ < 0) fail("cannot make a file in memory");
}

process_runner::~process_runner() {
  close(out_);
  close(err_);
}

process_end process_runner::run(const std::vector<std::string>& arguments,
                                const process_surroundings& around, const process_limits& limits) {
  for (const int file : {out_, err_})
    if (ftruncate(file, 0) != 0 || lseek(file, 0, SEEK_SET) != 0) fail("cannot empty a file");
  const filled_pipe pipe(around.piped);

  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::string temporary = "TMPDIR=" + around.temporary_folder;
  char path[] = "PATH=/usr/bin:/bin", locale[] = "LC_ALL=C.UTF-8",
       arenas[] = "MALLOC_ARENA_MAX=2";  // each takes 64 MiB of address space
  char* const environment[] = {path, locale, arenas, temporary.data(), nullptr};

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe.reading(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out_, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err_, STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipe.reading(), 9);
  posix_spawn_file_actions_addchdir_np(&actions, around.folder.c_str());
  pid_t process = -1;
  const int failed = posix_spawn(&process, argv[0], &actions, nullptr, argv.data(), environment);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    errno = failed;
    fail("cannot start " + arguments[0]);
  }
  rlimit cpu{static_cast<rlim_t>(limits.cpu_s), static_cast<rlim_t>(limits.cpu_s)};
  prlimit(process, RLIMIT_CPU, &cpu, nullptr);

  process_end end;
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, process, 0));
  if (pidfd < 0) fail("pidfd_open");
  bool ended = false;
  if (limits.stop_after_ms > 0) {
    ended = ended_within(pidfd, limits.stop_after_ms);
    if (!ended) kill(process, SIGTERM);
  }
  end.hung = !ended && !ended_within(pidfd, limits.wall_ms);
  if (end.hung) kill(process, SIGKILL);
  close(pidfd);
  int status = 0;
  rusage used{};
  if (wait4(process, &status, 0, &used) != process) fail("wait4");
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
  end.peak_resident_bytes = std::int64_t{used.ru_maxrss} * 1024;
  end.out = read_start(out_);
  end.err = read_start(err_);
  return end;
}

}  // namespace robustness
