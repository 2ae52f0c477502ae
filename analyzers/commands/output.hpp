#pragma once
// Where a report goes.

#include <string>

namespace latency::commands {

// Writes to standard output when `path` is empty or "-", else to a temporary name beside `path`
// that is renamed when complete, so that a reader never sees half a report (devices and pipes are
// written directly). A reader of standard output that goes away early ("| head") is no error.
// Throws latency::error and leaves nothing behind when it cannot be written.
void write_output(const std::string& text, const std::string& path);

// Nobody reads standard output any more: the other end of its pipe is closed.
[[nodiscard]] bool output_abandoned();

// "latency: <problem>" and a line break to standard error, without anything that steers a terminal:
// names of files and spans may hold anything.
void complain(const std::string& problem);

// Standard output is a terminal.
[[nodiscard]] bool on_terminal();

// Standard output is a terminal that shows colours, and NO_COLOR is unset or empty.
[[nodiscard]] bool colour_wanted();

}  // namespace latency::commands
