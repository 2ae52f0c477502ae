#pragma once
// Opens whatever a run has left behind.

#include <string>

#include "latency/recording.hpp"

namespace latency {

// Reads a timing file or the journal of a run that did not end; which of them is told from the
// content, never from the name. "-" is standard input. Throws latency::error, one line that names
// the file and says what it is when it is neither.
[[nodiscard]] recording open_recording(const std::string& path);

}  // namespace latency
