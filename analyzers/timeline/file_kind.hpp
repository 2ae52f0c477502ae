#pragma once
// What a file is, told from its first bytes and never from its name.

#include <string>
#include <string_view>

namespace latency::timeline {

enum class file_kind { timing_file, journal, trace, tracker_file, stage_log, other };

struct recognised_file {
  file_kind kind = file_kind::other;
  std::string is;  // for messages: "is a journal", "is a zip archive (a PyTorch checkpoint?)"
};

inline constexpr std::size_t looked_at_bytes = std::size_t{64} << 10;

// `bytes` is the whole file or at least its first looked_at_bytes. gzip is looked into: traces are
// read through it. A JSON object that nothing else is known of counts as a timing file: its reader
// says what is wrong with it.
[[nodiscard]] recognised_file recognise(std::string_view bytes);

}  // namespace latency::timeline
