#include "analyzers/timeline/timing_file_reader.hpp"

#include <charconv>

#include "analyzers/timeline/mapped_file.hpp"
#include "analyzers/timeline/table_reader.hpp"
#include "latency/error.hpp"

namespace latency {
namespace timeline {
namespace {

namespace ondemand = simdjson::ondemand;

class timing_file_parser {
 public:
  timing_file_parser(std::string_view text, const std::string& name)
      : text_(text), cutter_(text, name), columns_(cutter_) {
    result_.source = name;
  }

  recording parse() {
    check_schema();
    cutter_.open('{', "");
    std::vector<std::string>
        seen;  // of the keys that have a meaning: a few, however many there are
    while (const auto key = cutter_.member()) {
      const std::string path = "/" + std::string(key->substr(0, 60));
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
    check_references();
    return std::move(result_);
  }

 private:
  // The schema comes first in files that we write; a file whose keys were sorted is fine, too.
  void check_schema() {
    json_cutter scout(text_, cutter_.file());
    column_reader reader(scout);
    scout.open('{', "");
    while (const auto key = scout.member()) {
      if (*key != "schema") {
        scout.skip();
        continue;
      }
      std::string name;
      std::string version;
      reader.small_value("/schema", [&](ondemand::value schema) {
        for (auto field : schema.get_object()) {
          const std::string_view entry = field.unescaped_key();
          if (entry == "name") name = std::string_view(field.value().get_string());
          if (entry == "version") version = std::string_view(field.value().get_string());
        }
      });
      if (name != "latency.timing")
        reader.fail("/schema/name", "'" + name.substr(0, 60) + "' is not 'latency.timing'");
      int major = 0;
      const auto parsed = std::from_chars(version.data(), version.data() + version.size(), major);
      const char* const end = version.data() + version.size();
      const bool has_minor = parsed.ptr != end && *parsed.ptr == '.';
      if (parsed.ec != std::errc{} || major < 1 || (!has_minor && parsed.ptr != end) ||
          (has_minor && std::from_chars(parsed.ptr + 1, end, minor_version_).ptr != end))
        reader.fail("/schema/version", "'" + version.substr(0, 60) + "' is not a version");
      if (major > timing_file_version_major)
        reader.fail("/schema/version", "version " + version.substr(0, 60) +
                                           " is newer than this program reads (" +
                                           std::to_string(timing_file_version_major) + ".x)");
      return;
    }
    reader.fail("/schema", "missing: not a timing file");
  }

  bool member(std::string_view key, const std::string& path) {
    if (key == "run") return read_run(path);
    if (key == "clock") return read_clock(path);
    if (key == "overhead") return read_overhead(path);
    if (key == "hygiene") return read_hygiene(path);
    if (key == "wall_ns") return read_wall(path);
    if (key == "strings") return read_strings(path);
    return host_table(key, path) || device_table(key, path) || event_table(key, path) ||
           total_table(key, path) || pipeline_table(key, path);
  }

  bool read_run(const std::string& path) {
    columns_.small_value(path, [&](ondemand::value object) {
      for (auto field : object.get_object()) {
        const std::string key(std::string_view(field.unescaped_key()));
        ondemand::value item = field.value();
        const ondemand::json_type type = item.type();
        std::int64_t integer = 0;
        if (type == ondemand::json_type::string)
          result_.run[key] = std::string(std::string_view(item.get_string()));
        else if (type == ondemand::json_type::number &&
                 item.get_int64().get(integer) == simdjson::SUCCESS)
          result_.run[key] = integer;
        else if (type == ondemand::json_type::number)
          result_.run[key] = double(item.get_double());
        else if (type != ondemand::json_type::null)
          columns_.fail(path + "/" + key.substr(0, 60),
                        "expected a text or a number, " + found(item));
      }
    });
    return true;
  }

  bool read_clock(const std::string& path) {
    columns_.small_value(path, [&](ondemand::value object) {
      for (auto field : object.get_object()) {
        const std::string_view key = field.unescaped_key();
        ondemand::value item = field.value();
        if (key == "kind") result_.clock.kind = std::string_view(item.get_string());
        if (key == "resolution_ns") result_.clock.resolution_ns = item.get_double();
        if (key == "uncertainty_ns") result_.clock.uncertainty_ns = item.get_int64();
        if (key == "origin_unix_ns") {
          const std::string_view digits = item.get_string();
          const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(),
                                              result_.clock.origin_unix_ns);
          if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size())
            columns_.fail(path + "/origin_unix_ns", "not a 64-bit integer written as a text");
        }
      }
    });
    return true;
  }

  bool read_overhead(const std::string& path) {
    columns_.small_value(path, [&](ondemand::value object) {
      for (auto field : object.get_object()) {
        const std::string key(std::string_view(field.unescaped_key()));
        ondemand::value item = field.value();
        if (item.type() != ondemand::json_type::null) result_.overhead[key] = item.get_double();
      }
    });
    return true;
  }

  bool read_hygiene(const std::string& path) {
    hygiene_counts& counts = result_.hygiene;
    const std::pair<std::string_view, std::int64_t*> known[] = {
        {"dropped_spans", &counts.dropped_spans},
        {"dropped_records", &counts.dropped_records},
        {"dropped_device_ops", &counts.dropped_device_ops},
        {"invalid_device_ops", &counts.invalid_device_ops},
        {"unmatched_device_ops", &counts.unmatched_device_ops},
        {"unmatched_launches", &counts.unmatched_launches},
        {"untraced_copies", &counts.untraced_copies},
        {"too_deep_spans", &counts.too_deep_spans},
        {"open_spans", &counts.open_spans},
        {"overwritten_spans", &counts.overwritten_spans},
        {"warm_up_regions", &counts.warm_up_regions},
        {"skipped_regions", &counts.skipped_regions},
        {"damaged_blocks", &counts.damaged_blocks}};
    columns_.small_value(path, [&](ondemand::value object) {
      for (auto field : object.get_object()) {
        const std::string_view key = field.unescaped_key();
        ondemand::value item = field.value();
        if (key == "incomplete") counts.incomplete = item.get_bool();
        for (const auto& [name, count] : known) {
          if (key != name) continue;
          *count = item.get_int64();
          if (*count < 0)
            columns_.fail(path + "/" + std::string(name), "negative: " + std::to_string(*count));
        }
      }
    });
    return true;
  }

  bool read_wall(const std::string& path) {
    columns_.small_value(path,
                         [&](ondemand::value number) { result_.wall_ns = number.get_int64(); });
    if (result_.wall_ns < 0 || result_.wall_ns > time_limit_ns)
      columns_.fail(path, "out of range: " + std::to_string(result_.wall_ns));
    return true;
  }

  bool read_strings(const std::string& path) {
    columns_.texts(path, [&](std::size_t, const std::string_view* texts, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) {
        const string_id id = result_.strings.add(texts[i]);
        moved_ = moved_ || id != string_of_.size();
        string_of_.push_back(id);
      }
    });
    return true;
  }

  template <class row>
  table_reader<row> table(const std::string& path, std::vector<row>& rows) {
    return {cutter_, columns_, path, minor_version_, result_, rows};
  }
  // The column of durations is read into end_ns, as the starts may come after it.
  template <class row>
  static void durations_to_ends(std::vector<row>& rows) {
    for (row& r : rows) r.end_ns += r.start_ns;
  }

  bool host_table(std::string_view name, const std::string& path);
  bool device_table(std::string_view name, const std::string& path);
  bool event_table(std::string_view name, const std::string& path);
  bool total_table(std::string_view name, const std::string& path);
  bool pipeline_table(std::string_view name, const std::string& path);

  // What rows refer to by index must exist. Ids of spans may be unknown (dropped, overwritten):
  // the accounting counts those.
  void check_references() {
    check_names("/spans", result_.spans);
    check_names("/async_spans", result_.async_spans);
    check_names("/instants", result_.instants);
    check_names("/counters", result_.counters);
    check_names("/device_ops", result_.device_ops);
    check_names("/api_calls", result_.api_calls);
    check_names("/event_windows", result_.event_windows);
    check_names("/marks", result_.marks);
    check_names("/span_paths", result_.span_paths);
    check_names("/device_totals", result_.device_totals);
    check_names("/api_totals", result_.api_totals);
    check_names("/memory", result_.memory);
    check_rows("/device_ops/shape", result_.device_ops, &device_op::shape, "/launch_shapes",
               result_.launch_shapes.size());
    check_rows("/device_totals/path", result_.device_totals, &device_total::path, "/span_paths",
               result_.span_paths.size());
    check_rows("/api_totals/path", result_.api_totals, &api_total::path, "/span_paths",
               result_.span_paths.size());
    check_rows("/device_histograms/total", result_.device_histograms, &duration_bucket::total,
               "/device_totals", result_.device_totals.size());
    for (std::size_t i = 0; i < result_.span_paths.size(); ++i)  // parents first: no circles
      if (result_.span_paths[i].parent >= static_cast<std::int64_t>(i))
        columns_.fail("/span_paths/parent/" + std::to_string(i),
                      std::to_string(result_.span_paths[i].parent) + " is not an earlier row");
    check_threads("/spans/thread", result_.spans, &span::thread);
    check_threads("/async_spans/begin_thread", result_.async_spans,
                  &recorded_async_span::begin_thread);
    check_threads("/async_spans/end_thread", result_.async_spans, &recorded_async_span::end_thread);
    check_threads("/instants/thread", result_.instants, &recorded_instant::thread);
    check_threads("/counters/thread", result_.counters, &counter_sample::thread);
    check_threads("/api_calls/thread", result_.api_calls, &api_call::thread);
    for (std::size_t i = 0; i < result_.spans.size(); ++i)
      if (result_.spans[i].id == 0)
        columns_.fail("/spans/id/" + std::to_string(i), "0 is not the id of a span");
  }

  template <class row>
  void check_names(const std::string& path, std::vector<row>& rows) {
    for (row& r : rows) {
      if (r.name >= string_of_.size())
        columns_.fail(path + "/name/" + std::to_string(&r - rows.data()),
                      refers_beyond(r.name, "texts in /strings", string_of_.size()));
      if (moved_) r.name = string_of_[r.name];
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
      if (r.*thread >= result_.threads.size())
        columns_.fail(path + "/" + std::to_string(&r - rows.data()),
                      refers_beyond(r.*thread, "rows in /threads", result_.threads.size()));
  }

  static std::string refers_beyond(std::uint32_t index, const char* what, std::size_t count) {
    return "index " + std::to_string(index) + ", but there are " + std::to_string(count) + " " +
           what;
  }

  std::string_view text_;
  json_cutter cutter_;
  column_reader columns_;
  recording result_;
  int minor_version_ = 0;             // of the file
  std::vector<string_id> string_of_;  // id in `result_` of each text of the file
  bool moved_ = false;  // some id differs from the file's index (sorted keys, a text that is twice)
};

bool timing_file_parser::host_table(std::string_view name, const std::string& path) {
  if (name == "threads") {
    using row = thread_info;
    table(path, result_.threads).read(column("name", &row::name), column("os_id", &row::os_id));
  } else if (name == "spans") {
    using row = span;
    table(path, result_.spans)
        .read(column("id", &row::id), column("parent", &row::parent),
              column("start_ns", &row::start_ns, time_range),
              column("duration_ns", &row::end_ns, duration_range), column("name", &row::name),
              column("thread", &row::thread), column("flags", &row::flags),
              column("attributes", &row::attributes));
    durations_to_ends(result_.spans);
  } else if (name == "async_spans") {
    using row = recorded_async_span;
    table(path, result_.async_spans)
        .read(column("id", &row::id), column("parent", &row::parent),
              column("start_ns", &row::start_ns, time_range),
              column("duration_ns", &row::end_ns, duration_range), column("name", &row::name),
              column("begin_thread", &row::begin_thread), column("end_thread", &row::end_thread),
              column("flags", &row::flags), column("attributes", &row::attributes));
    durations_to_ends(result_.async_spans);
  } else if (name == "instants") {
    using row = recorded_instant;
    table(path, result_.instants)
        .read(column("time_ns", &row::time_ns, time_range), column("name", &row::name),
              column("thread", &row::thread), column("span", &row::span),
              column("attributes", &row::attributes));
  } else if (name == "counters") {
    using row = counter_sample;
    table(path, result_.counters)
        .read(column("time_ns", &row::time_ns, time_range), column("name", &row::name),
              column("thread", &row::thread), column("value", &row::value));
  } else {
    return false;
  }
  return true;
}

bool timing_file_parser::device_table(std::string_view name, const std::string& path) {
  if (name == "device_ops") {
    using row = device_op;
    table(path, result_.device_ops)
        .read(column("start_ns", &row::start_ns, time_range),
              column("duration_ns", &row::end_ns, device_duration_range),
              column("span", &row::span), column("correlation", &row::correlation),
              column("graph_node", &row::graph_node), column("replay", &row::replay),
              column("bytes", &row::bytes), column("name", &row::name),
              column("device", &row::device), column("stream", &row::stream),
              column("kind", &row::kind), column("direction", &row::direction),
              column("reason", &row::reason),
              column("shape", &row::shape, optional_index_range).since(1));
    durations_to_ends(result_.device_ops);
  } else if (name == "launch_shapes") {
    using row = launch_shape;
    table(path, result_.launch_shapes)
        .read(column("grid_x", &row::grid_x), column("grid_y", &row::grid_y),
              column("grid_z", &row::grid_z), column("block_x", &row::block_x),
              column("block_y", &row::block_y), column("block_z", &row::block_z),
              column("registers_per_thread", &row::registers_per_thread),
              column("static_shared_bytes", &row::static_shared_bytes),
              column("dynamic_shared_bytes", &row::dynamic_shared_bytes));
  } else if (name == "api_calls") {
    using row = api_call;
    table(path, result_.api_calls)
        .read(column("start_ns", &row::start_ns, time_range),
              column("duration_ns", &row::end_ns, duration_range), column("span", &row::span),
              column("correlation", &row::correlation), column("name", &row::name),
              column("thread", &row::thread), column("kind", &row::kind).since(1),
              column("device", &row::device, optional_index_range).since(1),
              column("stream", &row::stream, stream_range).since(1),
              column("waits_for", &row::waits_for).since(1));
    durations_to_ends(result_.api_calls);
  } else {
    return false;
  }
  return true;
}

bool timing_file_parser::event_table(std::string_view name, const std::string& path) {
  if (name == "event_windows") {
    using row = event_window;
    table(path, result_.event_windows)
        .read(column("start_ns", &row::start_ns, time_range),
              column("duration_ns", &row::end_ns, device_duration_range),
              column("span", &row::span), column("replay", &row::replay),
              column("name", &row::name), column("device", &row::device),
              column("stream", &row::stream), column("resolution_ns", &row::resolution_ns));
    durations_to_ends(result_.event_windows);
  } else if (name == "marks") {
    using row = completion_mark;
    table(path, result_.marks)
        .read(column("time_ns", &row::time_ns, time_range), column("index", &row::index),
              column("span", &row::span), column("name", &row::name),
              column("device", &row::device), column("stream", &row::stream));
  } else if (name == "device_clocks") {
    using row = device_clock;
    table(path, result_.device_clocks)
        .read(column("device", &row::device), column("name", &row::name),
              column("tier", &row::tier), column("resolution_ns", &row::resolution_ns),
              column("anchors", &row::anchors), column("drift_ppm", &row::drift_ppm),
              column("residual_ns", &row::residual_ns, duration_range),
              column("uncertainty_ns", &row::uncertainty_ns, duration_range));
  } else {
    return false;
  }
  return true;
}

bool timing_file_parser::total_table(std::string_view name, const std::string& path) {
  if (name == "span_paths") {
    using row = span_path;
    table(path, result_.span_paths)
        .read(column("parent", &row::parent, optional_index_range), column("name", &row::name));
  } else if (name == "device_totals") {
    using row = device_total;
    table(path, result_.device_totals)
        .read(column("path", &row::path, optional_index_range), column("name", &row::name),
              column("device", &row::device), column("kind", &row::kind),
              column("direction", &row::direction), column("reason", &row::reason),
              column("count", &row::count, count_range), column("sum_ns", &row::sum_ns),
              column("min_ns", &row::min_ns), column("max_ns", &row::max_ns),
              column("bytes", &row::bytes));
  } else if (name == "device_histograms") {
    using row = duration_bucket;
    table(path, result_.device_histograms)
        .read(column("total", &row::total), column("least_ns", &row::least_ns),
              column("count", &row::count, count_range));
  } else if (name == "api_totals") {
    using row = api_total;
    table(path, result_.api_totals)
        .read(column("path", &row::path, optional_index_range), column("name", &row::name),
              column("kind", &row::kind), column("count", &row::count, count_range),
              column("sum_ns", &row::sum_ns), column("min_ns", &row::min_ns),
              column("max_ns", &row::max_ns));
  } else {
    return false;
  }
  return true;
}

bool timing_file_parser::pipeline_table(std::string_view name, const std::string& path) {
  if (name == "blocks") {
    using row = block;
    table(path, result_.blocks)
        .read(column("span", &row::span), column("index", &row::index),
              column("segment", &row::segment),
              column("first_latent_frame", &row::first_latent_frame),
              column("latent_frames", &row::latent_frames),
              column("cached_latent_frames", &row::cached_latent_frames),
              column("window_latent_frames", &row::window_latent_frames),
              column("switched", &row::switched));
  } else if (name == "switches") {
    using row = prompt_switch;
    table(path, result_.switches)
        .read(column("span", &row::span), column("segment", &row::segment),
              column("block", &row::block),
              column("requested_latent_frame", &row::requested_latent_frame),
              column("latent_frame", &row::latent_frame),
              column("recached_latent_frames", &row::recached_latent_frames),
              column("request_ns", &row::request_ns, time_range),
              column("first_pixel_frame", &row::first_pixel_frame));
  } else if (name == "pixel_frames") {
    using row = pixel_frame;
    table(path, result_.pixel_frames)
        .read(column("complete_ns", &row::complete_ns, time_range), column("index", &row::index),
              column("block", &row::block));
  } else if (name == "memory") {
    using row = memory_snapshot;
    table(path, result_.memory)
        .read(column("time_ns", &row::time_ns, time_range), column("name", &row::name),
              column("rss_bytes", &row::rss_bytes), column("peak_rss_bytes", &row::peak_rss_bytes),
              column("device_used_bytes", &row::device_used_bytes),
              column("device_peak_bytes", &row::device_peak_bytes));
  } else {
    return false;
  }
  return true;
}

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
