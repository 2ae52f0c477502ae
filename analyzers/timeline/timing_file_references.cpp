#include "analyzers/timeline/timing_file_references.hpp"

#include <cstdint>
#include <string>

namespace latency::timeline {
namespace {

class references {
 public:
  references(const column_reader& columns, const std::vector<string_id>& string_of, recording& run)
      : columns_(columns), string_of_(string_of), run_(run) {}

  // What rows refer to by index must exist. Ids of spans may be unknown (dropped, overwritten):
  // the accounting counts those.
  void check() {
    check_names("/spans", run_.spans);
    check_names("/async_spans", run_.async_spans);
    check_names("/instants", run_.instants);
    check_names("/counters", run_.counters);
    check_names("/device_ops", run_.device_ops);
    check_names("/api_calls", run_.api_calls);
    check_names("/event_windows", run_.event_windows);
    check_names("/marks", run_.marks);
    check_names("/span_paths", run_.span_paths);
    check_names("/device_totals", run_.device_totals);
    check_names("/api_totals", run_.api_totals);
    check_names("/memory", run_.memory);
    check_rows("/device_ops/shape", run_.device_ops, &device_op::shape, "/launch_shapes",
               run_.launch_shapes.size());
    check_rows("/graph_nodes/path", run_.graph_nodes, &graph_node::path, "/span_paths",
               run_.span_paths.size());
    check_rows("/device_totals/path", run_.device_totals, &device_total::path, "/span_paths",
               run_.span_paths.size());
    check_rows("/api_totals/path", run_.api_totals, &api_total::path, "/span_paths",
               run_.span_paths.size());
    check_rows("/device_histograms/total", run_.device_histograms, &duration_bucket::total,
               "/device_totals", run_.device_totals.size());
    for (std::size_t i = 0; i < run_.span_paths.size(); ++i)  // parents first: no circles
      if (run_.span_paths[i].parent >= static_cast<std::int64_t>(i))
        columns_.fail("/span_paths/parent/" + std::to_string(i),
                      std::to_string(run_.span_paths[i].parent) + " is not an earlier row");
    check_threads("/spans/thread", run_.spans, &span::thread);
    check_threads("/async_spans/begin_thread", run_.async_spans,
                  &recorded_async_span::begin_thread);
    check_threads("/async_spans/end_thread", run_.async_spans, &recorded_async_span::end_thread);
    check_threads("/instants/thread", run_.instants, &recorded_instant::thread);
    check_threads("/counters/thread", run_.counters, &counter_sample::thread);
    check_threads("/api_calls/thread", run_.api_calls, &api_call::thread);
    for (std::size_t i = 0; i < run_.spans.size(); ++i)
      if (run_.spans[i].id == 0)
        columns_.fail("/spans/id/" + std::to_string(i), "0 is not the id of a span");
  }

 private:
  template <class row>
  void check_names(const std::string& path, std::vector<row>& rows) {
    for (row& r : rows) {
      if (r.name >= string_of_.size())
        columns_.fail(path + "/name/" + std::to_string(&r - rows.data()),
                      refers_beyond(r.name, "texts in /strings", string_of_.size()));
      r.name = string_of_[r.name];
    }
  }

  // Indices of rows of another table, of which -1 is none.
  template <class row, class index>
  void check_rows(const std::string& path, const std::vector<row>& rows, index row::*member,
                  const char* table, std::size_t count) {
    for (const row& r : rows)
      if (static_cast<std::int64_t>(r.*member) >= static_cast<std::int64_t>(count))
        columns_.fail(path + "/" + std::to_string(&r - rows.data()),
                      refers_beyond(static_cast<std::uint32_t>(r.*member),
                                    (std::string("rows in ") + table).c_str(), count));
  }

  template <class row>
  void check_threads(const std::string& path, const std::vector<row>& rows,
                     std::uint32_t row::*thread) {
    for (const row& r : rows)
      if (r.*thread >= run_.threads.size())
        columns_.fail(path + "/" + std::to_string(&r - rows.data()),
                      refers_beyond(r.*thread, "rows in /threads", run_.threads.size()));
  }

  static std::string refers_beyond(std::uint32_t index, const char* what, std::size_t count) {
    return "index " + std::to_string(index) + ", but there are " + std::to_string(count) + " " +
           what;
  }

  const column_reader& columns_;
  const std::vector<string_id>& string_of_;
  recording& run_;
};

}  // namespace

void resolve_references(const column_reader& columns, const std::vector<string_id>& string_of,
                        recording& run) {
  references(columns, string_of, run).check();
}

}  // namespace latency::timeline
