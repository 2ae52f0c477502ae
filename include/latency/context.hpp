#pragma once
// Hand-over: lets work on another thread belong to the span that asked for it. The spans of the
// other thread root that thread's track; they are not subtracted from the span that handed over.

#include "events.hpp"

namespace latency {

// Where the calling thread is: pass it by value to another thread.
struct context {
  span_id span = 0;
};

[[nodiscard]] inline context current_context() noexcept {
  const detail::thread_state* const t = detail::recording_thread();
  return {t == nullptr ? 0 : detail::innermost_span(*t)};
}

// While it lives, spans that the calling thread opens at its outermost level have `c.span` as
// parent. Does nothing inside an open span of the same thread. Make and end it on the same thread.
class adopt {
 public:
  explicit adopt(context c) noexcept : thread_(detail::recording_thread()) {
    if (thread_ == nullptr) return;
    if (thread_->depth.load(std::memory_order_relaxed) != 0) {
      thread_ = nullptr;
      return;
    }
    previous_ = thread_->open[0].id.exchange(c.span, std::memory_order_relaxed);
  }
  adopt(const adopt&) = delete;
  adopt& operator=(const adopt&) = delete;
  ~adopt() {
    if (thread_ != nullptr) thread_->open[0].id.store(previous_, std::memory_order_relaxed);
  }

 private:
  detail::thread_state* thread_;
  span_id previous_ = 0;
};

}  // namespace latency
