#pragma once
// Who launched what in a trace whose rows are all there: annotations are nested on their threads,
// calls belong to the innermost annotation that is open when they start, device ops to the call
// with their correlation.

#include <cstdint>
#include <vector>

#include "latency/recording.hpp"

namespace latency::timeline {

// What a synchronization on a device says about the call that asked for it.
struct traced_synchronization {
  std::uint64_t correlation = 0;
  std::int64_t start_ns = 0;
  std::int32_t device = -1;
  std::int64_t stream = -1;
  std::uint64_t waits_for = 0;
};

// Sets ids and parents of spans, the kinds and spans of calls, what is known of device ops' launch
// (launch_matching.hpp), their reasons, replays and hygiene counts. Spans and calls are put in the
// order of their starts, thread by thread; calls of no kind that launched nothing are removed.
// `processes`: a number for the process of each thread. O(n log n).
void attribute_trace(recording& run, const std::vector<std::uint32_t>& processes,
                     const std::vector<traced_synchronization>& synchronizations);

}  // namespace latency::timeline
