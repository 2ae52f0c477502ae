#pragma once
// A thread of the library's own, which takes none of the program's signals.

#include <signal.h>

#include <thread>
#include <utility>

namespace latency::detail {

// Throws what std::thread does. The caller's own signals are as before, either way.
template <class Work>
[[nodiscard]] std::thread signal_free_thread(Work&& work) {
  struct blocked {
    blocked() {
      sigset_t every;
      sigfillset(&every);
      pthread_sigmask(SIG_SETMASK, &every, &before);
    }
    ~blocked() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
    blocked(const blocked&) = delete;
    blocked& operator=(const blocked&) = delete;
    sigset_t before;
  } while_it_starts;
  return std::thread(std::forward<Work>(work));
}

}  // namespace latency::detail
