#pragma once
// Reads a timing file (schemas/timing.schema.json) into the recording model.

#include <string>
#include <string_view>

#include "latency/recording.hpp"

namespace latency {

// Throws latency::error, one line naming the file and the JSON path or byte, for everything that is
// not a complete timing file of this major version: truncated, another schema, unequal columns,
// values of the wrong type or out of range, times beyond 73 years, negative durations (but of
// device ops), texts, threads and columns that are referred to but missing, nesting deeper than 16
// levels. Unknown keys and columns are passed over (a newer minor version may add some); the order
// of keys is free.
//
// Memory: the recording itself and less than 3 MiB; the file is mapped, not copied. Parsing is at
// several hundred MB/s on one core. Any thread; no state is shared.
[[nodiscard]] recording read_timing_file(const std::string& path);

// The same from memory; `name` is the file's name in messages and in recording::source.
[[nodiscard]] recording parse_timing_file(std::string_view text, const std::string& name);

}  // namespace latency
