#pragma once
// How scopes find the way to their session.

#include <atomic>

#include "recording_thread.hpp"

#pragma GCC visibility push(default)  // shared libraries that hide their symbols share this

namespace latency {
namespace detail {

// The first span of a thread in a session; starts the session that LATENCY_OUTPUT asks for. nullptr
// when nothing is to be recorded.
thread_state* attach_this_thread() noexcept;

// Where session.hpp is included, scopes find the way to their session from the program's start on.
[[maybe_unused]] inline const bool attach_hook_is_set =
    (attach_hook.store(&attach_this_thread, std::memory_order_release), true);

}  // namespace detail
}  // namespace latency

#pragma GCC visibility pop

#ifndef LATENCY_COMPILED
#include "compiled/attach.hpp"
#endif
