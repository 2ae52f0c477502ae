#pragma once
// Opens whatever a run has left behind.

#include <string>

#include "latency/recording.hpp"

namespace latency {

// Reads a timing file, the journal of a run that did not end, a trace of PyTorch's profiler (also
// in gzip), a file of the older LongLive tracker or a log of pipeline stages; which of them is told
// from the content, never from the name. "-" is standard input. Throws latency::error, one line
// that names the file and says what it is when it is none of them.
[[nodiscard]] recording open_recording(const std::string& path);

}  // namespace latency
