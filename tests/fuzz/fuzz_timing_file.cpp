// Any bytes are either read as a timing file or refused with one line that names the file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "analyzers/timeline/file_kind.hpp"
#include "analyzers/timeline/timing_file_reader.hpp"
#include "tests/fuzz/refusal.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)latency::timeline::recognise(bytes);
  try {
    const latency::recording run = latency::parse_timing_file(bytes, "fuzz");
    for (const latency::span& s : run.spans)
      if (s.end_ns < s.start_ns || run.name_of(s).size() > size) std::abort();
  } catch (const latency::error& refused) {
    fuzz::require_one_line(refused, "fuzz: ");
  }
  return 0;
}
