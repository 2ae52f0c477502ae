// Any bytes are either read as a file of the older LongLive tracker or refused with one line that
// names the file; what is read refers only to what is there, and its time adds up.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "analyzers/timeline/file_kind.hpp"
#include "analyzers/timeline/tracker_reader.hpp"
#include "latency/saturating.hpp"
#include "latency/span_tree.hpp"
#include "tests/fuzz/refusal.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const latency::recording& run) {
  const latency::span_tree tree(run);
  for (const latency::thread_account& thread : tree.threads()) require(thread.exact());
  for (const latency::span& s : run.spans) {
    require(s.thread < run.threads.size() && latency::is_time(s.start_ns));
    require(s.start_ns >= 0 && s.start_ns <= s.end_ns && s.end_ns <= run.wall_ns);
    require(s.attributes.first + s.attributes.count <= run.attributes.size());
  }
  for (const latency::block& b : run.blocks) require(tree.find(b.span) != latency::no_span);
  for (const latency::prompt_switch& s : run.switches)
    require(tree.find(s.span) != latency::no_span);
  for (const latency::recorded_async_span& s : run.async_spans)
    require(s.start_ns <= s.end_ns && s.name < run.strings.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)latency::timeline::recognise(bytes);
  try {
    check(latency::parse_tracker(bytes, "fuzz"));
  } catch (const latency::error& refused) {
    fuzz::require_one_line(refused, "fuzz: ");
  }
  return 0;
}
