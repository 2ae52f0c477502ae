#pragma once
// A log of stages in the recording model.

#include "analyzers/timeline/stage_log.hpp"
#include "latency/recording.hpp"

namespace latency::timeline {

// Each round becomes a span ("round"), its stages the spans in it, and samples the spans in their
// stages. The log's times of day are whole seconds, so start times are not taken from it: spans are
// laid end to end, in the order of their lines, and `run` says so, with the unit of each series.
// A stage that never completed lasts as long as what is in it and counts as open.
[[nodiscard]] recording recording_of(const stage_log& log);

}  // namespace latency::timeline
