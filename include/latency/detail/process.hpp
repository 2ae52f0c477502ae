#pragma once
// What the process knows of sessions and threads, behind one mutex; the same in every shared
// library.

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "recording_thread.hpp"

#pragma GCC visibility push(default)

namespace latency {
namespace detail {

class recorder;

inline thread_local bool thread_is_exiting = false;

struct registry {
  std::mutex mutex;
  // Every one there ever was; reused, never freed.
  std::vector<std::unique_ptr<thread_state>> threads;
  std::shared_ptr<recorder> current;  // the session in progress
  std::uint64_t last_generation = undecided;
  bool fork_handlers_installed = false;
};

// Never destroyed: threads may outlive static destruction.
inline registry& process() {
  static registry* const shared = new registry;
  return *shared;
}

}  // namespace detail
}  // namespace latency

#pragma GCC visibility pop
