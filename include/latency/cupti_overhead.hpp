#pragma once
// Tiers of measure_overhead() (overhead.hpp) that trace kernels. They time nothing of a device:
// that is cuda_overhead.hpp's.

#include "cupti.hpp"
#include "overhead.hpp"

namespace latency::cupti {
namespace detail {

[[nodiscard]] inline overhead_tier tracing_tier(const char* name, collector_mode mode,
                                                options collecting,
                                                const session_options& recording) {
  collecting.mode = mode;
  return {name, [collecting, recording](const std::function<void()>& work) {
            latency::detail::overhead_session session{recording};
            collector gpu{session.run(), collecting};
            if (!gpu.started()) throw error(gpu.why_not());
            work();
            session.finish();
          }};
}

}  // namespace detail

// Totals of kernels by path of spans.
[[nodiscard]] inline overhead_tier kernel_totals_tier(const options& collecting = {},
                                                      const session_options& recording = {}) {
  return detail::tracing_tier(overhead_tier_names::kernel_totals, collector_mode::aggregate,
                              collecting, recording);
}
// Every kernel, copy and memset.
[[nodiscard]] inline overhead_tier kernels_tier(const options& collecting = {},
                                                const session_options& recording = {}) {
  return detail::tracing_tier(overhead_tier_names::kernels, collector_mode::keep, collecting,
                              recording);
}

}  // namespace latency::cupti
