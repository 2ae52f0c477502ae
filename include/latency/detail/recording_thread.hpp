#pragma once
// The hot path's question: does this thread record now? Shared by the whole process, across shared
// libraries too (hence the explicit visibility). Instrumented code needs no more than this; the
// slow path, and with it all that a session does, comes in through a hook (attach.hpp).

#include <atomic>
#include <cstdint>

#include "thread_state.hpp"

#pragma GCC visibility push(default)

namespace latency {
namespace detail {

// The session that spans opened now belong to. Scopes read it first.
inline std::atomic<std::uint64_t> active_generation{undecided};

inline thread_local thread_state* this_thread = nullptr;

// Attaches the calling thread to the session; set where the program includes session.hpp.
inline std::atomic<thread_state* (*)() noexcept> attach_hook{nullptr};

// The first span of a thread in a session: nullptr when nothing is to be recorded.
[[nodiscard]] inline thread_state* attach_through_hook() noexcept {
  const auto attach = attach_hook.load(std::memory_order_acquire);
  return attach == nullptr ? nullptr : attach();
}

// The calling thread's state when it records now, else nullptr.
[[nodiscard]] inline thread_state* recording_thread() noexcept {
  const std::uint64_t active = active_generation.load(std::memory_order_relaxed);
  // The straight path is the one that must cost nothing; a recording one is 20 times as long.
  if (__builtin_expect(active == no_session, 1)) return nullptr;
  thread_state* const t = this_thread;
  if (__builtin_expect(t != nullptr && t->generation.load(std::memory_order_relaxed) == active, 1))
    return t;
  return attach_through_hook();
}

}  // namespace detail
}  // namespace latency

#pragma GCC visibility pop
