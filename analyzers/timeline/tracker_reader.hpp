#pragma once
// Reads the files of the older LongLive tracker, in their four shapes, into the recording model.

#include <string>
#include <string_view>

#include "latency/recording.hpp"

namespace latency {

// Durations are the GPU times of the file, to the nanosecond, so that sums, counts and percentiles
// are those that it states; host times are the attribute `host_ns`. Spans are called as in our own
// files. Scopes that ran in one another are nested, a prompt switch stands in the block that it
// delays, and calls that the tracker recorded twice are left out. Times are those of the file where
// it has them. Where it kept only a summary of a component, durations with that summary stand in
// for the measured ones. What cannot be placed becomes async spans, which no sum counts. `run` says
// which of these were needed.
//
// Throws latency::error, one line naming the file and the byte, for what is no such file.
//
// `text` is the whole file and must outlive the call; `name` is for messages and recording::source.
[[nodiscard]] recording parse_tracker(std::string_view text, const std::string& name);

}  // namespace latency
