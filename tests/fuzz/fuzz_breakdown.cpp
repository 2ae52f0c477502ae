// Any file that can be read is analysed and shown in every format: sums
// that do not fit, times that run backwards, references to nothing and names that steer a terminal
// must not matter.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "analyzers/analysis/pool.hpp"
#include "analyzers/commands/breakdown_report.hpp"
#include "analyzers/render/writers.hpp"
#include "analyzers/timeline/file_kind.hpp"
#include "analyzers/timeline/stage_log.hpp"
#include "analyzers/timeline/stage_log_recording.hpp"
#include "analyzers/timeline/timing_file_reader.hpp"
#include "analyzers/timeline/trace_reader.hpp"
#include "analyzers/timeline/tracker_reader.hpp"
#include "latency/journal_reader.hpp"
#include "tests/fuzz/refusal.hpp"

namespace {

latency::recording read(std::string_view bytes) {
  using latency::timeline::file_kind;
  const file_kind kind = latency::timeline::recognise(bytes).kind;
  if (kind == file_kind::trace) return latency::parse_trace(bytes, "fuzz");
  if (kind == file_kind::tracker_file) return latency::parse_tracker(bytes, "fuzz");
  if (kind == file_kind::stage_log)
    return latency::timeline::recording_of(latency::timeline::parse_stage_log(bytes, "fuzz"));
  if (kind != file_kind::journal) return latency::parse_timing_file(bytes, "fuzz");
  std::vector<std::uint64_t> words(bytes.size() / sizeof(std::uint64_t));
  std::memcpy(words.data(), bytes.data(), words.size() * sizeof(std::uint64_t));
  return latency::read_journal(words.data(), words.size(), "fuzz");
}

void show(const latency::recording& run, bool detailed) {
  using namespace latency;
  const commands::breakdown_report report(run);
  for (const thread_account& thread : report.tree.threads())
    if (!thread.exact()) std::abort();
  const render::document document = commands::breakdown_document(report, "fuzz", detailed);
  if (render::to_json({document}).empty() || render::to_csv({document}).empty()) std::abort();
  if (render::to_markdown(document).empty()) std::abort();
  for (const char c : render::to_terminal(document, false))
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n') std::abort();
  if (render::to_terminal(render::side_by_side({document, document}, detailed), true).empty())
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const latency::recording run = read({reinterpret_cast<const char*>(data), size});
    show(run, size % 2 == 0);
    show(latency::analysis::pool({run, run}), true);
  } catch (const latency::error& refused) {
    fuzz::require_one_line(refused, "fuzz: ");
  }
  return 0;
}
