#include "analyzers/timeline/timing_file_reader.hpp"

#include <algorithm>

#include "analyzers/timeline/column_reader.hpp"
#include "analyzers/timeline/json_cutter.hpp"
#include "analyzers/timeline/mapped_file.hpp"
#include "analyzers/timeline/timing_file_header.hpp"
#include "analyzers/timeline/timing_file_references.hpp"
#include "analyzers/timeline/timing_file_tables.hpp"

namespace latency {
namespace timeline {
namespace {

class timing_file_parser {
 public:
  timing_file_parser(std::string_view text, const std::string& name)
      : cutter_(text, name),
        columns_(cutter_),
        minor_version_(minor_version_of(text, name)),
        tables_(cutter_, columns_, minor_version_, result_) {
    result_.source = name;
  }

  recording parse() {
    cutter_.open('{', "");
    std::vector<std::string>
        seen;  // of the keys that have a meaning: a few, however many there are
    while (const auto key = cutter_.member()) {
      const std::string path = std::string("/").append(key->substr(0, 60));
      for (const std::string& name : seen)
        if (name == *key) columns_.fail(path, "appears twice");
      if (member(*key, path))
        seen.emplace_back(*key);
      else
        cutter_.skip();
    }
    cutter_.finish();
    for (const char* const name : {"hygiene", "wall_ns", "strings", "threads", "spans"})
      if (std::find(seen.begin(), seen.end(), name) == seen.end())
        columns_.fail(std::string("/") + name, "missing");
    resolve_references(columns_, string_of_, result_);
    return std::move(result_);
  }

 private:
  bool member(std::string_view key, const std::string& path) {
    if (key == "strings") return read_strings(path);
    return read_header_member(key, path, columns_, result_) || tables_.read(key, path);
  }

  bool read_strings(const std::string& path) {
    columns_.texts(path, [&](std::size_t, const std::string_view* texts, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) string_of_.push_back(result_.strings.add(texts[i]));
    });
    return true;
  }

  json_cutter cutter_;
  column_reader columns_;
  recording result_;
  int minor_version_;  // of the file
  timing_file_tables tables_;
  std::vector<string_id> string_of_;  // id in `result_` of each text of the file
};

}  // namespace
}  // namespace timeline

recording parse_timing_file(std::string_view text, const std::string& name) {
  return timeline::timing_file_parser(text, name).parse();
}

recording read_timing_file(const std::string& path) {
  const timeline::mapped_file file(path);
  return parse_timing_file(file.bytes(), file.name());
}

}  // namespace latency
