#pragma once
// What a timing file says of itself and of its run beside the tables: small objects and numbers.

#include <string>
#include <string_view>

#include "analyzers/timeline/column_reader.hpp"
#include "analyzers/timeline/json_cutter.hpp"
#include "latency/recording.hpp"

namespace latency::timeline {

// The minor version of the timing file's schema. Throws latency::error when it is no timing file of
// the major version that this program reads; `file` is its name for messages.
[[nodiscard]] int minor_version_of(std::string_view text, const std::string& file);

// Reads the member at which the columns' cutter stands, if it has one of these names: run, clock,
// overhead, hygiene, wall_ns. False: another one, and nothing was read.
[[nodiscard]] bool read_header_member(std::string_view name, const std::string& path,
                                      column_reader& columns, recording& into);

}  // namespace latency::timeline
