#pragma once
// Slow paths: the first span of a thread, the end of a thread, fork, and LATENCY_OUTPUT.

#include <pthread.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include "../attach.hpp"
#include "../finish.hpp"
#include "../flight_dumper.hpp"
#include "../recorder.hpp"
#include "inline.hpp"

#pragma GCC visibility push(default)  // shared libraries that hide their symbols share this

namespace latency {
namespace detail {

// After fork() the child records nothing until it starts a session of its own; the parent goes
// on.
inline void install_fork_handlers() {  // mutex held
  if (std::exchange(process().fork_handlers_installed, true)) return;
  pthread_atfork([] { process().mutex.lock(); }, [] { process().mutex.unlock(); },
                 [] {
                   registry& shared = process();
                   if (shared.current != nullptr) shared.current->abandon_after_fork();
                   new (&shared.current)
                       std::shared_ptr<recorder>;  // leaked: a copy of the parent's
                   for (const auto& t : shared.threads) {
                     t->generation.store(no_session, std::memory_order_relaxed);
                     t->in_use = t.get() == this_thread;
                     new (&t->ring_mutex) std::mutex;  // its holder may not exist here
                   }
                   active_generation.store(no_session, std::memory_order_relaxed);
                   shared.mutex.unlock();
                 });
}

// Makes a recorder the process's session. Mutex held; there is none in progress.
inline void install(const std::shared_ptr<recorder>& made) {
  registry& shared = process();
  install_fork_handlers();
  const std::uint64_t generation = ++shared.last_generation;
  if (made->enabled()) {
    if (made->has_ring()) made->use_flight(std::make_shared<flight_dumper>(*made));
    made->start(generation);
  } else {
    active_generation.store(no_session, std::memory_order_release);
  }
  shared.current = made;  // not when it cannot start
}

// At exit, for a session that LATENCY_OUTPUT started: the program does not know of it.
inline void finish_default_session() noexcept {
  try {
    std::shared_ptr<recorder> running;
    {
      const std::lock_guard<std::mutex> lock(process().mutex);
      running = process().current;
    }
    if (running != nullptr && !running->ended() && running->of_this_process()) finish(*running);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "latency: %s\n", e.what());
  }
}

// Gives the thread's state back when the thread ends; what it recorded is collected first.
struct thread_exit_guard {
  ~thread_exit_guard() {
    const std::lock_guard<std::mutex> lock(process().mutex);
    thread_is_exiting = true;
    thread_state* const t = std::exchange(this_thread, nullptr);
    if (t == nullptr) return;
    const auto& current = process().current;
    if (current != nullptr && !current->ended() &&
        t->generation.load(std::memory_order_relaxed) == current->generation())
      current->detach(*t);
    t->name.clear();
    t->in_use = false;
  }
};

inline thread_state* own_state() {  // mutex held
  if (this_thread != nullptr) return this_thread;
  static thread_local thread_exit_guard guard;
  (void)guard;
  registry& shared = process();
  for (const auto& t : shared.threads)
    if (!t->in_use) {
      t->in_use = true;
      return this_thread = t.get();
    }
  shared.threads.push_back(std::make_unique<thread_state>());
  shared.threads.back()->in_use = true;
  return this_thread = shared.threads.back().get();
}

LATENCY_DETAIL_INLINE thread_state* attach_this_thread() noexcept {
  if (thread_is_exiting) return nullptr;
  try {
    const std::lock_guard<std::mutex> lock(process().mutex);
    if (active_generation.load(std::memory_order_relaxed) == undecided) {
      const char* const output = std::getenv("LATENCY_OUTPUT");
      if (output == nullptr || *output == 0) {
        active_generation.store(no_session, std::memory_order_relaxed);
        return nullptr;
      }
      install(std::make_shared<recorder>(output, session_options{}));
      process().current->offer();
      std::atexit([] { finish_default_session(); });
    }
    const auto& current = process().current;
    if (current == nullptr || current->ended() || !current->enabled()) return nullptr;
    thread_state* const t = own_state();
    if (t->generation.load(std::memory_order_relaxed) == current->generation()) return t;
    return current->attach(*t) ? t : nullptr;
  } catch (
      const std::exception& e) {  // out of memory, or what the environment asks for is impossible
    active_generation.store(no_session, std::memory_order_relaxed);
    std::fprintf(stderr, "latency: not recording: %s\n",
                 e.what());  // nobody else could tell the user
    return nullptr;
  }
}

}  // namespace detail
}  // namespace latency

#pragma GCC visibility pop
