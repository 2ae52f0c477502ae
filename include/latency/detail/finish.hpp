#pragma once
// The end of a recording: from the journal to the timing file.

#include <cstring>
#include <string>

#include "../journal_reader.hpp"
#include "../timing_file.hpp"
#include "recorder.hpp"

namespace latency::detail {

// What a recorder that has stopped recorded. Throws latency::error.
[[nodiscard]] inline recording read_back(recorder& stopped) {
  if (stopped.has_ring()) {
    const std::vector<std::uint64_t> words = stopped.last_seconds();
    return read_journal(words.data(), words.size(), "");
  }
  if (stopped.journal_error() != 0)
    throw error(stopped.journal_path(), "",
                std::string("cannot write: ") + std::strerror(stopped.journal_error()) +
                    "; what was written before is kept there");
  recording result;
  if (stopped.output().empty()) {
    const std::vector<std::uint64_t>& words = stopped.journal_words();
    result = read_journal(words.data(), words.size(), "");
  } else {
    result = read_journal(stopped.journal_path());
  }
  result.source.clear();
  return result;
}

// Ends a recording, writes its timing file and returns what stands there; the journal goes then.
// Empty for a recorder that is off or has no output.
inline recording finish(recorder& running) {
  running.stop();
  if (!running.enabled() || running.output().empty()) return {};
  recording result = read_back(running);
  try {
    write_timing_file(result, running.output());
  } catch (const error& e) {
    throw error(std::string(e.what()) + " (the recording is kept in " + running.journal_path() +
                ")");
  }
  ::unlink(running.journal_path().c_str());
  return result;
}

}  // namespace latency::detail
