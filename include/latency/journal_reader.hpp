#pragma once
// Reads a journal into a recording: of a run that ended, goes on, or was killed. What a torn or
// damaged block held is lost and counted; the rest is kept.

#include <cstddef>
#include <cstdint>
#include <string>

#include "recording.hpp"

namespace latency {

// Reads a journal from memory (8-byte aligned); `source` names it in errors. Throws latency::error.
[[nodiscard]] recording read_journal(const std::uint64_t* words, std::size_t count,
                                     const std::string& source);

// Reads a journal file through a mapping. Throws latency::error.
[[nodiscard]] recording read_journal(const std::string& path);

}  // namespace latency

#ifndef LATENCY_COMPILED
#include "detail/compiled/journal_reader.hpp"
#endif
