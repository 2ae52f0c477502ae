#pragma once
// Hand-over: lets work on another thread belong to the span that asked for it. The spans of the
// other thread root that thread's track; they are not subtracted from the span that handed over.

#include "events.hpp"

namespace latency {

// Where the calling thread is: pass it by value to another thread.
struct context {
  span_id span = 0;
  std::uint64_t session = 0;  // ids are unique within a session only
};

[[nodiscard]] inline context current_context() noexcept {
  const detail::thread_state* const t = detail::recording_thread();
  if (t == nullptr) return {};
  return {detail::innermost_span(*t), t->generation.load(std::memory_order_relaxed)};
}

// While it lives, spans that the calling thread opens at its outermost level have `c.span` as
// parent. Does nothing inside an open span of the same thread, or with
// a context of another session. Make and end it on the same thread.
class adopt {
 public:
  explicit adopt(context c) noexcept : thread_(detail::recording_thread()) {
    if (thread_ == nullptr) return;
    session_ = thread_->generation.load(std::memory_order_relaxed);
    if (c.session != session_ || thread_->depth.load(std::memory_order_relaxed) != 0) {
      thread_ = nullptr;
      return;
    }
    previous_ = thread_->open[0].id.exchange(c.span, std::memory_order_relaxed);
  }
  adopt(const adopt&) = delete;
  adopt& operator=(const adopt&) = delete;
  ~adopt() {
    if (thread_ != nullptr && thread_->generation.load(std::memory_order_relaxed) == session_)
      thread_->open[0].id.store(previous_, std::memory_order_relaxed);
  }

 private:
  detail::thread_state* thread_;
  std::uint64_t session_ = 0;
  span_id previous_ = 0;
};

}  // namespace latency
