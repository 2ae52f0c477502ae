#pragma once
// `latency breakdown --follow`: the report of a run that goes on.

#include <chrono>
#include <functional>
#include <string>

#include "latency/recording.hpp"

namespace latency::commands {

// Calls `show` with what the journal at `path` holds, each time that it has grown, until the run
// ends or its process does, or somebody interrupts (SIGINT, SIGTERM); then once more, as the last.
// Ends at once when `show` returns false: nobody looks any more.
// Between calls at least `interval` passes, and nine times as long as the last one took, so that
// following costs a tenth of a core at most. Throws latency::error.
void follow(const std::string& path, std::chrono::nanoseconds interval,
            const std::function<bool(const recording& run, bool last)>& show);

// As much of a report as fits on the terminal, over what stood there.
[[nodiscard]] std::string live_screen(const std::string& report);

}  // namespace latency::commands
