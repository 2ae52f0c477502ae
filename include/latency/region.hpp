#pragma once
// A region: a scope that LATENCY_REGIONS can select, so that a long run records only what matters.
//   LATENCY_REGIONS="generate:wait=1,warmup=2,active=5"
// Without the variable, and when the variable does not name it, a region is an ordinary scope.
// Taking part costs a lock at entry and exit.

#include <memory>
#include <optional>

#include "detail/attach.hpp"
#include "detail/process.hpp"
#include "detail/region_rules.hpp"
#include "scope.hpp"

#define LATENCY_REGION(name) \
  [[maybe_unused]] const ::latency::region LATENCY_DETAIL_JOIN(latency_region_, __LINE__)(name)

namespace latency {
namespace detail {

// `in` becomes the session in progress, if any.
[[nodiscard]] region_phase enter_region(const char* name, std::shared_ptr<recorder>& in);
void leave_region(recorder& in);

}  // namespace detail

template <class Scope>
class basic_region {
 public:
  explicit basic_region(const char* name) noexcept {
    (void)detail::recording_thread();  // the first caller decides about LATENCY_OUTPUT
    phase_ = detail::enter_region(name, recorder_);
    if (skipped()) return;
    scope_.emplace(name);
    if (phase_ == detail::region_phase::warm_up) scope_->mark_warm_up();
  }
  // LATENCY_REGIONS leaves this occurrence out.
  [[nodiscard]] bool skipped() const noexcept { return phase_ == detail::region_phase::skipped; }
  basic_region(const basic_region&) = delete;
  basic_region& operator=(const basic_region&) = delete;
  ~basic_region() {
    scope_.reset();
    if (skipped() || phase_ == detail::region_phase::unlisted) return;
    detail::leave_region(*recorder_);
  }

 private:
  std::shared_ptr<detail::recorder> recorder_;
  detail::region_phase phase_ = detail::region_phase::unlisted;
  std::optional<Scope> scope_;
};

using region = basic_region<scope>;

}  // namespace latency

#ifndef LATENCY_COMPILED
#include "detail/compiled/region.hpp"
#endif
