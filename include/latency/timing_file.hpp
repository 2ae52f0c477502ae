#pragma once
// Writes a recording as a timing file (schemas/timing.schema.json, docs/timing-file.md): one JSON
// object of column tables, so that `pandas.DataFrame(file["spans"])` works. One streaming pass for
// each column, a fixed amount of memory whatever the size; nothing in it is derived.

#include <string>

#include "latency/recording.hpp"

namespace latency {

// Writes the timing file. It appears under its name when it is complete; on any error nothing
// appears and latency::error names the file. The recording is only read; strings that are not UTF-8
// are written with U+FFFD in place of what cannot be decoded. Cost: docs/timing-file.md.
void write_timing_file(const recording& run, const std::string& path);

}  // namespace latency

#ifndef LATENCY_COMPILED
#include "latency/detail/compiled/timing_file.hpp"
#endif
