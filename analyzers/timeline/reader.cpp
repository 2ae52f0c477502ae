#include "analyzers/timeline/reader.hpp"

#include "analyzers/timeline/file_kind.hpp"
#include "analyzers/timeline/mapped_file.hpp"
#include "analyzers/timeline/timing_file_reader.hpp"
#include "latency/error.hpp"

namespace latency {

recording open_recording(const std::string& path) {
  const timeline::mapped_file file(path);
  const timeline::recognised_file found = timeline::recognise(file.bytes());
  if (found.kind == timeline::file_kind::other) throw error(file.name(), "", found.is);
  return parse_timing_file(file.bytes(), file.name());
}

}  // namespace latency
