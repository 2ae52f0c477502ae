#pragma once
// How regions ask their session: see region.hpp.

#include <memory>
#include <mutex>

#include "../../region.hpp"
#include "../recorder.hpp"
#include "inline.hpp"

namespace latency::detail {

LATENCY_DETAIL_INLINE region_phase enter_region(const char* name, std::shared_ptr<recorder>& in) {
  const std::lock_guard<std::mutex> lock(process().mutex);
  in = process().current;
  return in == nullptr ? region_phase::unlisted : in->enter_region(name);
}

LATENCY_DETAIL_INLINE void leave_region(recorder& in) {
  const std::lock_guard<std::mutex> lock(process().mutex);
  in.leave_region();
}

}  // namespace latency::detail
