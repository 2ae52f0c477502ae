#pragma once
// Reads a trace of PyTorch's profiler (Kineto's Chrome JSON, as it is or in gzip) into the
// recording model.

#include <string>
#include <string_view>

#include "analyzers/timeline/byte_source.hpp"
#include "latency/recording.hpp"

namespace latency {

// Annotations (record_function, profiler steps, NVTX ranges) become spans, nested on their threads;
// launches, synchronizations, event and memory calls become api_calls; kernels, memsets and copies
// become device ops of the annotation that was open where their launch started.
//
// A trace that ends early is read up to there, and hygiene says that it is incomplete and where.
// Throws latency::error, one line naming the file and the byte (of the JSON, inflated), for what is
// damaged before its end or is not the profiler's: not JSON, nested deeper than 64 levels, an event
// of more than 16 MiB. Bytes that are not UTF-8 are replaced, control characters in texts read as
// spaces. Rows whose times are missing or no times are kept with zeros, which the accounting flags;
// but for calls, whose device ops then count as unmatched.
//
// Memory: the recording and a few MiB. Any thread; no state is shared.
//
// `bytes` is the whole file and must outlive the call; `name` is for messages and
// recording::source; `release` may be told what will not be read again.
[[nodiscard]] recording parse_trace(
    std::string_view bytes, const std::string& name,
    const timeline::release_bytes& release = [](std::size_t) {});

}  // namespace latency
