#pragma once
// The events of a Chrome trace, one per line: chrome_trace.hpp says which, this says how they are
// spelled. One thread at a time.

#include <cstdint>
#include <string>
#include <string_view>

#include "latency/detail/table_writer.hpp"
#include "latency/json_writer.hpp"
#include "latency/recording.hpp"

namespace latency::detail {

// A track of a process; 0 for what belongs to the process as a whole.
struct trace_place {
  std::int64_t process = 0;
  std::int64_t track = 0;
};

class trace_event_writer {
 public:
  // `base_ns` is the time that the trace calls zero. Throws latency::error.
  trace_event_writer(const recording& run, const std::string& path, std::int64_t base_ns)
      : run_(run), base_ns_(base_ns), json_(path) {}

  void begin_file() {
    json_.begin_object();
    text("displayTimeUnit", "ms");
    json_.key("otherData");
    json_.begin_object();
    for (const auto& [name, v] : run_.run) {
      json_.key(name);
      write_value(json_, v);
    }
    json_.end_object();
    json_.key("traceEvents");
    json_.begin_array();
  }
  void finish_file() {
    json_.end_array();
    json_.end_object();
    json_.finish();
  }

  // An event: begin, then duration() or member()s, then begin_arguments() and its members, then
  // end.
  void begin(std::string_view phase, std::string_view category, string_id name, trace_place where,
             std::int64_t time_ns) {
    begin(phase, category, run_.strings[name], where, time_ns);
  }
  void begin(std::string_view phase, std::string_view category, std::string_view name,
             trace_place where, std::int64_t time_ns) {
    json_.line_break();
    json_.begin_object();
    text("ph", phase);
    text("cat", category);
    text("name", name);
    position(where);
    json_.key("ts");
    json_.thousandths(duration_ns(base_ns_, time_ns));
  }
  void duration(std::int64_t start_ns, std::int64_t end_ns) {
    json_.key("dur");
    json_.thousandths(duration_ns(start_ns, end_ns));
  }
  void text(std::string_view name, std::string_view content) {
    json_.key(name);
    json_.string(content);
  }
  void id(std::string_view name, std::uint64_t content) {
    json_.key(name);
    json_.unsigned_integer(content);
  }
  void integer(std::string_view name, std::int64_t content) {
    json_.key(name);
    json_.integer(content);
  }
  void real(std::string_view name, double content) {
    json_.key(name);
    json_.real(content);
  }
  void begin_arguments() {
    json_.key("args");
    json_.begin_object();
  }
  void attributes(attribute_range range) { write_attribute_members(json_, run_, range); }
  void end() {
    json_.end_object();
    json_.end_object();
  }
  void end_without_arguments() { json_.end_object(); }

  // `what` is "process" or "thread"; viewers show them by rising `order`.
  void name(std::string_view what, trace_place where, std::string_view shown, std::int64_t order) {
    begin_metadata(std::string(what) + "_name", where);
    text("name", shown);
    end();
    begin_metadata(std::string(what) + "_sort_index", where);
    integer("sort_index", order);
    end();
  }

 private:
  void begin_metadata(std::string_view kind, trace_place where) {
    json_.line_break();
    json_.begin_object();
    text("ph", "M");
    text("name", kind);
    position(where);
    begin_arguments();
  }
  void position(trace_place where) {
    integer("pid", where.process);
    integer("tid", where.track);
  }

  const recording& run_;
  std::int64_t base_ns_;
  json_writer json_;
};

}  // namespace latency::detail
