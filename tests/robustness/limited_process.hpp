#pragma once
// Runs one program in its own process, under limits, and says how it ended.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace robustness {

struct process_limits {
  int wall_ms = 20000;    // then it is killed, and counts as hanging
  int stop_after_ms = 0;  // SIGTERM by then, for programs that may rightly run long; 0: never
  int cpu_s = 20;         // the system kills it
  std::int64_t resident_bytes = 0;  // reported when it was more
};

struct process_end {
  int exit_code = -1;  // of a normal end
  int signal = 0;      // that ended it
  bool hung = false;
  std::int64_t peak_resident_bytes = 0;
  std::string out, err;  // at most the first MiB of each
};

// What happens around the program: where it starts, where it may put temporary files, and what it
// can read from descriptor 0 ("-") and /dev/fd/9 (a pipe with at most 64 KiB in it).
struct process_surroundings {
  std::string folder;
  std::string temporary_folder;
  std::string piped;
};

// The address space of this process and of those that it starts from now on is bounded, they leave
// no core file, and where this process is root's the programs cannot read or write what their modes
// forbid. False when the last cannot be had.
bool restrict_children(std::uint64_t address_space_bytes);

// One program after another; each thread has its own.
class process_runner {
 public:
  process_runner();
  ~process_runner();
  process_runner(const process_runner&) = delete;
  process_runner& operator=(const process_runner&) = delete;

  // `arguments[0]` is the program's path. Throws std::runtime_error when it cannot be started.
  [[nodiscard]] process_end run(const std::vector<std::string>& arguments,
                                const process_surroundings& around, const process_limits& limits);

 private:
  int out_, err_;  // files in memory
};

}  // namespace robustness
