#pragma once
// Writes a recording in the shape of the older LongLive tracker (comprehensive_analysis), for
// scripts that read it.

#include <string>

#include "latency/recording.hpp"

namespace latency::render {

// JSON text. Spans become events of the tracker's components ("kv_operations", "device_sync",
// "attention_kernel" and the rest under their own names); blocks, switches and statistics stand
// where it put them, the parts of a prompt switch under the block before it. gpu_time_ms is the
// device window of a span where event pairs measured one, else its host time, as cpu_time_ms is.
// Latent frames complete when their block ends, as the tracker saw it. Times are in milliseconds
// and seconds, so that nanoseconds survive in runs of up to weeks.
//
// Throws latency::error when the recording has no spans.
[[nodiscard]] std::string to_tracker_json(const recording& run);

}  // namespace latency::render
