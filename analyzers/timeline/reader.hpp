#pragma once
// Opens whatever a run has left behind.

#include <optional>
#include <string>

#include "analyzers/timeline/stage_log.hpp"
#include "latency/recording.hpp"

namespace latency {

// Reads a timing file, the journal of a run that did not end, a trace of PyTorch's profiler (also
// in gzip), a file of the older LongLive tracker or a log of pipeline stages; which of them is told
// from the content, never from the name. "-" is standard input. Throws latency::error, one line
// that names the file and says what it is when it is none of them. `sample_unit`: of the ">>>>"
// lines of a log, over what they say.
[[nodiscard]] recording open_recording(const std::string& path,
                                       std::optional<timeline::log_unit> sample_unit = {});

}  // namespace latency
