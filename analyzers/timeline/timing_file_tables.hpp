#pragma once
// The tables of a timing file: which columns each has, and where they go.

#include <string>
#include <string_view>
#include <vector>

#include "analyzers/timeline/column_reader.hpp"
#include "analyzers/timeline/json_cutter.hpp"
#include "analyzers/timeline/table_reader.hpp"
#include "latency/recording.hpp"

namespace latency::timeline {

class timing_file_tables {
 public:
  // `cutter`, `columns` and `into` must outlive the object; `minor_version` is the file's.
  timing_file_tables(json_cutter& cutter, column_reader& columns, int minor_version,
                     recording& into)
      : cutter_(cutter), columns_(columns), minor_version_(minor_version), into_(into) {}

  // Reads the table at which the cutter stands; false: none has this name, and nothing was read.
  // Names of rows stay indices into the file's texts.
  [[nodiscard]] bool read(std::string_view name, const std::string& path) {
    return host_table(name, path) || device_table(name, path) || event_table(name, path) ||
           total_table(name, path) || pipeline_table(name, path);
  }

 private:
  bool host_table(std::string_view name, const std::string& path);
  bool device_table(std::string_view name, const std::string& path);
  bool event_table(std::string_view name, const std::string& path);
  bool total_table(std::string_view name, const std::string& path);
  bool pipeline_table(std::string_view name, const std::string& path);

  template <class row>
  table_reader<row> table(const std::string& path, std::vector<row>& rows) {
    return {cutter_, columns_, path, minor_version_, into_, rows};
  }

  json_cutter& cutter_;
  column_reader& columns_;
  int minor_version_;
  recording& into_;
};

}  // namespace latency::timeline
