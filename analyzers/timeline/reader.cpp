#include "analyzers/timeline/reader.hpp"

#include "analyzers/timeline/file_kind.hpp"
#include "analyzers/timeline/mapped_file.hpp"
#include "analyzers/timeline/stage_log_recording.hpp"
#include "analyzers/timeline/timing_file_reader.hpp"
#include "analyzers/timeline/trace_reader.hpp"
#include "analyzers/timeline/tracker_reader.hpp"
#include "latency/error.hpp"
#include "latency/journal_reader.hpp"

namespace latency {

recording open_recording(const std::string& path, std::optional<timeline::log_unit> sample_unit) {
  timeline::mapped_file file(path);
  const timeline::recognised_file found = timeline::recognise(file.bytes());
  switch (found.kind) {
    case timeline::file_kind::journal:
      // Mappings and large strings both begin on an 8-byte boundary.
      return read_journal(reinterpret_cast<const std::uint64_t*>(file.bytes().data()),
                          file.bytes().size() / sizeof(std::uint64_t), file.name());
    case timeline::file_kind::timing_file:
      return parse_timing_file(file.bytes(), file.name());
    case timeline::file_kind::trace:
      return parse_trace(file.bytes(), file.name(),
                         [&file](std::size_t bytes) { file.release(bytes); });
    case timeline::file_kind::tracker_file:
      return parse_tracker(file.bytes(), file.name());
    case timeline::file_kind::stage_log:
      return timeline::recording_of(
          timeline::parse_stage_log(file.bytes(), file.name(), sample_unit));
    case timeline::file_kind::other:
      break;
  }
  throw error(file.name(), "", found.is);
}

}  // namespace latency
