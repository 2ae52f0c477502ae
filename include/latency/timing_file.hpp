#pragma once
// Writes a recording as a timing file (schemas/timing.schema.json, docs/timing-file.md): one JSON
// object of column tables, so that `pandas.DataFrame(file["spans"])` works. One streaming pass for
// each column, a fixed amount of memory whatever the size; nothing in it is derived.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "latency/json_writer.hpp"
#include "latency/recording.hpp"

namespace latency {

// The words that files use for the enumerations of recording.hpp.
[[nodiscard]] inline std::string_view to_text(device_op_kind kind) noexcept {
  switch (kind) {
    case device_op_kind::memset:
      return "memset";
    case device_op_kind::memcpy:
      return "memcpy";
    case device_op_kind::kernel:
      break;
  }
  return "kernel";
}
[[nodiscard]] inline std::string_view to_text(copy_direction direction) noexcept {
  switch (direction) {
    case copy_direction::host_to_device:
      return "host_to_device";
    case copy_direction::device_to_host:
      return "device_to_host";
    case copy_direction::device_to_device:
      return "device_to_device";
    case copy_direction::peer:
      return "peer";
    case copy_direction::none:
      break;
  }
  return "none";
}
[[nodiscard]] inline std::string_view to_text(unattributed_reason reason) noexcept {
  switch (reason) {
    case unattributed_reason::no_open_span:
      return "no_open_span";
    case unattributed_reason::no_launch_record:
      return "no_launch_record";
    case unattributed_reason::graph_before_start:
      return "graph_before_start";
    case unattributed_reason::none:
      break;
  }
  return "none";
}

namespace detail {

// end - start; wraps instead of overflowing when the two lie more than 292 years apart.
[[nodiscard]] inline std::int64_t duration_ns(std::int64_t start_ns, std::int64_t end_ns) noexcept {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(end_ns) -
                                   static_cast<std::uint64_t>(start_ns));
}

inline void write_value(json_writer& json, const run_value& v) {
  if (const auto* integer = std::get_if<std::int64_t>(&v)) {
    json.integer(*integer);
  } else if (const auto* real = std::get_if<double>(&v)) {
    json.real(*real);
  } else {
    json.string(std::get<std::string>(v));
  }
}

// The members of one attribute object, in order; of attributes with the same key the last counts,
// so that no object has a key twice.
inline void write_attribute_members(json_writer& json, const recording& run,
                                    attribute_range range) {
  const std::uint64_t end = range.first + range.count;
  for (std::uint64_t i = range.first; i < end; ++i) {
    const recorded_attribute& a = run.attributes[i];
    bool replaced = false;
    for (std::uint64_t later = i + 1; later < end; ++later)
      replaced = replaced || run.attributes[later].key == a.key;
    if (replaced) continue;
    json.key(run.strings[a.key]);
    switch (a.type) {
      case recorded_attribute::kind::integer:
        json.integer(a.integer);
        break;
      case recorded_attribute::kind::real:
        json.real(a.real);
        break;
      case recorded_attribute::kind::text:
        json.string(run.strings[a.text]);
        break;
    }
  }
}

class timing_file_writer {
 public:
  timing_file_writer(const recording& run, const std::string& path) : run_(run), json_(path) {}

  void write() {
    json_.begin_object();
    write_header();
    write_strings();
    write_host_tables();
    write_device_tables();
    write_pipeline_tables();
    json_.end_object();
    json_.finish();
  }

 private:
  void write_header() {
    object("schema", [&] {
      text("name", "latency.timing");
      text("version", std::to_string(timing_file_version_major) + "." +
                          std::to_string(timing_file_version_minor));
    });
    object("run", [&] {
      for (const auto& [name, v] : run_.run) {
        json_.key(name);
        write_value(json_, v);
      }
    });
    object("clock", [&] {
      text("kind", run_.clock.kind);
      json_.key("resolution_ns");
      json_.real(run_.clock.resolution_ns);
      integer("uncertainty_ns", run_.clock.uncertainty_ns);
      // Above 2^53, which many readers of JSON numbers cannot hold.
      text("origin_unix_ns", std::to_string(run_.clock.origin_unix_ns));
    });
    object("overhead", [&] {
      for (const auto& [name, v] : run_.overhead) {
        json_.key(name);
        json_.real(v);
      }
    });
    object("hygiene", [&] {
      const hygiene_counts& h = run_.hygiene;
      integer("dropped_spans", h.dropped_spans);
      integer("dropped_records", h.dropped_records);
      integer("dropped_device_ops", h.dropped_device_ops);
      integer("too_deep_spans", h.too_deep_spans);
      integer("open_spans", h.open_spans);
      integer("overwritten_spans", h.overwritten_spans);
      integer("warm_up_regions", h.warm_up_regions);
      integer("skipped_regions", h.skipped_regions);
      integer("damaged_blocks", h.damaged_blocks);
      json_.key("incomplete");
      json_.boolean(h.incomplete);
    });
    json_.line_break();
    integer("wall_ns", run_.wall_ns);
  }

  void write_strings() {
    json_.line_break();
    json_.key("strings");
    json_.begin_array();
    for (const std::string& s : run_.strings.all()) json_.string(s);
    json_.end_array();
    object("threads", [&] {
      column("name", run_.threads, [&](const thread_info& t) { json_.string(t.name); });
      integers("os_id", run_.threads, &thread_info::os_id);
    });
  }

  void write_host_tables() {
    object("spans", [&] {
      integers("id", run_.spans, &span::id);
      integers("parent", run_.spans, &span::parent);
      times(run_.spans);
      integers("name", run_.spans, &span::name);
      integers("thread", run_.spans, &span::thread);
      integers("flags", run_.spans, &span::flags);
      attributes(run_.spans);
    });
    object("async_spans", [&] {
      integers("id", run_.async_spans, &recorded_async_span::id);
      integers("parent", run_.async_spans, &recorded_async_span::parent);
      times(run_.async_spans);
      integers("name", run_.async_spans, &recorded_async_span::name);
      integers("begin_thread", run_.async_spans, &recorded_async_span::begin_thread);
      integers("end_thread", run_.async_spans, &recorded_async_span::end_thread);
      integers("flags", run_.async_spans, &recorded_async_span::flags);
      attributes(run_.async_spans);
    });
    object("instants", [&] {
      integers("time_ns", run_.instants, &recorded_instant::time_ns);
      integers("name", run_.instants, &recorded_instant::name);
      integers("thread", run_.instants, &recorded_instant::thread);
      integers("span", run_.instants, &recorded_instant::span);
      attributes(run_.instants);
    });
    object("counters", [&] {
      integers("time_ns", run_.counters, &counter_sample::time_ns);
      integers("name", run_.counters, &counter_sample::name);
      integers("thread", run_.counters, &counter_sample::thread);
      column("value", run_.counters, [&](const counter_sample& c) { json_.real(c.value); });
    });
  }

  void write_device_tables() {
    const auto& ops = run_.device_ops;
    object("device_ops", [&] {
      times(ops);
      integers("span", ops, &device_op::span);
      integers("correlation", ops, &device_op::correlation);
      integers("graph_node", ops, &device_op::graph_node);
      integers("replay", ops, &device_op::replay);
      integers("bytes", ops, &device_op::bytes);
      integers("name", ops, &device_op::name);
      integers("device", ops, &device_op::device);
      integers("stream", ops, &device_op::stream);
      column("kind", ops, [&](const device_op& op) { json_.string(to_text(op.kind)); });
      column("direction", ops, [&](const device_op& op) { json_.string(to_text(op.direction)); });
      column("reason", ops, [&](const device_op& op) { json_.string(to_text(op.reason)); });
    });
    object("api_calls", [&] {
      times(run_.api_calls);
      integers("span", run_.api_calls, &api_call::span);
      integers("correlation", run_.api_calls, &api_call::correlation);
      integers("name", run_.api_calls, &api_call::name);
      integers("thread", run_.api_calls, &api_call::thread);
    });
  }

  void write_pipeline_tables() {
    object("blocks", [&] {
      integers("span", run_.blocks, &block::span);
      integers("index", run_.blocks, &block::index);
      integers("segment", run_.blocks, &block::segment);
      integers("first_latent_frame", run_.blocks, &block::first_latent_frame);
      integers("latent_frames", run_.blocks, &block::latent_frames);
      integers("cached_latent_frames", run_.blocks, &block::cached_latent_frames);
      integers("window_latent_frames", run_.blocks, &block::window_latent_frames);
      integers("switched", run_.blocks, &block::switched);
    });
    object("switches", [&] {
      integers("span", run_.switches, &prompt_switch::span);
      integers("segment", run_.switches, &prompt_switch::segment);
      integers("block", run_.switches, &prompt_switch::block);
      integers("requested_latent_frame", run_.switches, &prompt_switch::requested_latent_frame);
      integers("latent_frame", run_.switches, &prompt_switch::latent_frame);
      integers("recached_latent_frames", run_.switches, &prompt_switch::recached_latent_frames);
      integers("request_ns", run_.switches, &prompt_switch::request_ns);
      integers("first_pixel_frame", run_.switches, &prompt_switch::first_pixel_frame);
    });
    object("pixel_frames", [&] {
      integers("complete_ns", run_.pixel_frames, &pixel_frame::complete_ns);
      integers("index", run_.pixel_frames, &pixel_frame::index);
      integers("block", run_.pixel_frames, &pixel_frame::block);
    });
    object("memory", [&] {
      integers("time_ns", run_.memory, &memory_snapshot::time_ns);
      integers("name", run_.memory, &memory_snapshot::name);
      integers("rss_bytes", run_.memory, &memory_snapshot::rss_bytes);
      integers("peak_rss_bytes", run_.memory, &memory_snapshot::peak_rss_bytes);
      integers("device_used_bytes", run_.memory, &memory_snapshot::device_used_bytes);
      integers("device_peak_bytes", run_.memory, &memory_snapshot::device_peak_bytes);
    });
  }

  template <class Body>
  void object(std::string_view name, const Body& body) {
    json_.line_break();
    json_.key(name);
    json_.begin_object();
    body();
    json_.end_object();
  }
  template <class Row, class Write>
  void column(std::string_view name, const std::vector<Row>& rows, const Write& write) {
    json_.line_break();
    json_.key(name);
    json_.begin_array();
    for (const Row& row : rows) write(row);
    json_.end_array();
  }
  template <class Row, class Integer>
  void integers(std::string_view name, const std::vector<Row>& rows, Integer Row::*member) {
    column(name, rows, [&](const Row& row) {
      if constexpr (sizeof(Integer) == 8 && Integer(-1) > Integer(0)) {
        json_.unsigned_integer(row.*member);
      } else {
        json_.integer(row.*member);
      }
    });
  }
  template <class Row>
  void times(const std::vector<Row>& rows) {
    integers("start_ns", rows, &Row::start_ns);
    column("duration_ns", rows,
           [&](const Row& row) { json_.integer(duration_ns(row.start_ns, row.end_ns)); });
  }
  template <class Row>
  void attributes(const std::vector<Row>& rows) {
    column("attributes", rows, [&](const Row& row) {
      if (row.attributes.count == 0) return json_.null();
      json_.begin_object();
      write_attribute_members(json_, run_, row.attributes);
      json_.end_object();
    });
  }
  void text(std::string_view name, std::string_view content) {
    json_.key(name);
    json_.string(content);
  }
  void integer(std::string_view name, std::int64_t content) {
    json_.key(name);
    json_.integer(content);
  }

  const recording& run_;
  json_writer json_;
};

}  // namespace detail

// Writes the timing file. It appears under its name when it is complete; on any error nothing
// appears and latency::error names the file. The recording is only read; strings that are not UTF-8
// are written with U+FFFD in place of what cannot be decoded. Cost: docs/timing-file.md.
inline void write_timing_file(const recording& run, const std::string& path) {
  detail::timing_file_writer(run, path).write();
}

}  // namespace latency
