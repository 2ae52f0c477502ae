#pragma once
// One thread's full memory barrier on behalf of all threads of the process (Linux membarrier(2)).
// The hot path reads a flag and then stores, without a barrier between the two; whoever clears the
// flag asks for one here, so that what any thread stored before it saw the flag go is visible.

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace latency::detail {

// Registers the process for it, once. Cheap while the process has a single thread; else the kernel
// waits some milliseconds. False where the kernel has none, or a sandbox forbids it.
inline bool has_process_barrier() noexcept {
  static const bool registered =
      syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
  return registered;
}

inline void process_barrier() noexcept {
  if (has_process_barrier() && syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0)
    return;
  // A store leaves a processor's buffer within microseconds.
  const timespec one_millisecond{0, 1000000};
  nanosleep(&one_millisecond, nullptr);
}

}  // namespace latency::detail
