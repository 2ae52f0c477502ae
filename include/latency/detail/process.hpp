#pragma once
// What the process shares, across shared libraries too (hence the explicit visibility): whether a
// session records, which thread is which, and the one recorder. Everything here but the two
// variables of the hot path is behind the registry's mutex.

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "thread_state.hpp"

#pragma GCC visibility push(default)  // shared libraries that hide their symbols share this

namespace latency {
namespace detail {

class recorder;

// The session that spans opened now belong to. Scopes read it first.
inline std::atomic<std::uint64_t> active_generation{undecided};

inline thread_local thread_state* this_thread = nullptr;
inline thread_local bool thread_is_exiting = false;

struct registry {
  std::mutex mutex;
  std::vector<std::unique_ptr<thread_state>>
      threads;                        // every one there ever was; reused, never freed
  std::shared_ptr<recorder> current;  // the session in progress
  std::uint64_t last_generation = undecided;
  bool fork_handlers_installed = false;
};

// Never destroyed: threads may outlive static destruction.
inline registry& process() {
  static registry* const shared = new registry;
  return *shared;
}

// Slow path of the first span of a thread in a session: nullptr when nothing is to be recorded.
thread_state* attach_this_thread() noexcept;

// The calling thread's state when it records now, else nullptr.
[[nodiscard]] inline thread_state* recording_thread() noexcept {
  const std::uint64_t active = active_generation.load(std::memory_order_relaxed);
  // The straight path is the one that must cost nothing; a recording one is 20 times as long.
  if (__builtin_expect(active == no_session, 1)) return nullptr;
  thread_state* const t = this_thread;
  if (__builtin_expect(t != nullptr && t->generation.load(std::memory_order_relaxed) == active, 1))
    return t;
  return attach_this_thread();
}

}  // namespace detail
}  // namespace latency

#pragma GCC visibility pop
