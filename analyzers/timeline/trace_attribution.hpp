#pragma once
// Who launched what in a trace whose rows are all there: annotations are nested on their threads,
// calls belong to the innermost annotation that is open when they start, device ops to the call
// with their correlation.

#include <vector>

#include "analyzers/timeline/trace_builder.hpp"
#include "latency/recording.hpp"

namespace latency::timeline {

// Sets ids and parents of spans, the spans of calls and device ops, their reasons, replays and
// hygiene counts. Spans and calls are put in the order of their starts, thread by thread; calls of
// no kind that launched nothing are removed. O(n log n).
void attribute_trace(recording& run, const std::vector<traced_synchronization>& synchronizations);

// What a call of the CUDA or HIP runtime, or of the driver, does, by its name.
[[nodiscard]] api_call_kind call_kind(std::string_view name);

}  // namespace latency::timeline
