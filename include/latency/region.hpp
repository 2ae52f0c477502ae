#pragma once
// A region: a scope that LATENCY_REGIONS can select, so that a long run records only what matters.
//   LATENCY_REGIONS="generate:wait=1,warmup=2,active=5"
// Without the variable, and when the variable does not name it, a region is an ordinary scope.
// Taking part costs a lock at entry and exit.

#include <optional>

#include "scope.hpp"

#define LATENCY_REGION(name) \
  [[maybe_unused]] const ::latency::region LATENCY_DETAIL_JOIN(latency_region_, __LINE__)(name)

namespace latency {

#if LATENCY_ENABLED  // a region holds a scope, so there are two kinds of it as well
inline namespace recording_on {
#else
inline namespace recording_off {
#endif

class region {
 public:
  explicit region(const char* name) noexcept {
    (void)detail::recording_thread();  // the first caller decides about LATENCY_OUTPUT
    {
      const std::lock_guard<std::mutex> lock(detail::process().mutex);
      recorder_ = detail::process().current;
      if (recorder_ != nullptr) phase_ = recorder_->enter_region(name);
    }
    if (phase_ == detail::region_phase::skipped) return;
    scope_.emplace(name);
    if (phase_ == detail::region_phase::warm_up) scope_->mark_warm_up();
  }
  region(const region&) = delete;
  region& operator=(const region&) = delete;
  ~region() {
    scope_.reset();
    if (phase_ == detail::region_phase::skipped || phase_ == detail::region_phase::unlisted) return;
    const std::lock_guard<std::mutex> lock(detail::process().mutex);
    recorder_->leave_region();
  }

 private:
  std::shared_ptr<detail::recorder> recorder_;
  detail::region_phase phase_ = detail::region_phase::skipped;
  std::optional<scope> scope_;
};

}  // inline namespace
}  // namespace latency
