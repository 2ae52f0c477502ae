#include "analyzers/timeline/timing_file_header.hpp"

#include <charconv>
#include <utility>

#include "latency/saturating.hpp"
#include "latency/timing_file.hpp"

namespace latency::timeline {
namespace {

namespace ondemand = simdjson::ondemand;

std::string in_quotes(const std::string& text) {
  return std::string("'").append(text, 0, 60).append("'");
}

void read_run(const std::string& path, column_reader& columns, recording& into) {
  columns.small_value(path, [&](ondemand::value object) {
    for (auto field : object.get_object()) {
      const std::string key(std::string_view(field.unescaped_key()));
      ondemand::value item = field.value();
      const ondemand::json_type type = item.type();
      std::int64_t integer = 0;
      if (type == ondemand::json_type::string)
        into.run[key] = std::string(std::string_view(item.get_string()));
      else if (type == ondemand::json_type::number &&
               item.get_int64().get(integer) == simdjson::SUCCESS)
        into.run[key] = integer;
      else if (type == ondemand::json_type::number)
        into.run[key] = double(item.get_double());
      else if (type != ondemand::json_type::null)
        columns.fail(path + "/" + key.substr(0, 60), "expected a text or a number, " + found(item));
    }
  });
}

void read_clock(const std::string& path, column_reader& columns, recording& into) {
  columns.small_value(path, [&](ondemand::value object) {
    for (auto field : object.get_object()) {
      const std::string_view key = field.unescaped_key();
      ondemand::value item = field.value();
      if (key == "kind") into.clock.kind = std::string_view(item.get_string());
      if (key == "resolution_ns") into.clock.resolution_ns = item.get_double();
      if (key == "uncertainty_ns") into.clock.uncertainty_ns = item.get_int64();
      if (key == "origin_unix_ns") {
        const std::string_view digits = item.get_string();
        const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(),
                                            into.clock.origin_unix_ns);
        if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size())
          columns.fail(path + "/origin_unix_ns", "not a 64-bit integer written as a text");
      }
    }
  });
}

void read_overhead(const std::string& path, column_reader& columns, recording& into) {
  columns.small_value(path, [&](ondemand::value object) {
    for (auto field : object.get_object()) {
      const std::string key(std::string_view(field.unescaped_key()));
      ondemand::value item = field.value();
      if (item.type() != ondemand::json_type::null) into.overhead[key] = item.get_double();
    }
  });
}

void read_hygiene(const std::string& path, column_reader& columns, recording& into) {
  hygiene_counts& counts = into.hygiene;
  const std::pair<std::string_view, std::int64_t*> known[] = {
      {"dropped_spans", &counts.dropped_spans},
      {"dropped_records", &counts.dropped_records},
      {"dropped_device_ops", &counts.dropped_device_ops},
      {"invalid_device_ops", &counts.invalid_device_ops},
      {"unmatched_device_ops", &counts.unmatched_device_ops},
      {"unmatched_launches", &counts.unmatched_launches},
      {"untraced_copies", &counts.untraced_copies},
      {"changed_graph_nodes", &counts.changed_graph_nodes},
      {"too_deep_spans", &counts.too_deep_spans},
      {"open_spans", &counts.open_spans},
      {"overwritten_spans", &counts.overwritten_spans},
      {"warm_up_regions", &counts.warm_up_regions},
      {"skipped_regions", &counts.skipped_regions},
      {"damaged_blocks", &counts.damaged_blocks}};
  columns.small_value(path, [&](ondemand::value object) {
    for (auto field : object.get_object()) {
      const std::string_view key = field.unescaped_key();
      ondemand::value item = field.value();
      if (key == "incomplete") counts.incomplete = item.get_bool();
      for (const auto& [name, count] : known) {
        if (key != name) continue;
        *count = item.get_int64();
        if (*count < 0)
          columns.fail(path + "/" + std::string(name), "negative: " + std::to_string(*count));
      }
    }
  });
}

void read_wall(const std::string& path, column_reader& columns, recording& into) {
  columns.small_value(path, [&](ondemand::value number) { into.wall_ns = number.get_int64(); });
  if (into.wall_ns < 0 || into.wall_ns > time_limit_ns)
    columns.fail(path, "out of range: " + std::to_string(into.wall_ns));
}

}  // namespace

// The schema comes first in files that we write; a file whose keys were sorted is fine, too.
int minor_version_of(std::string_view text, const std::string& file) {
  json_cutter scout(text, file);
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
      reader.fail("/schema/name", in_quotes(name) + " is not 'latency.timing'");
    int major = 0, minor = 0;
    const auto parsed = std::from_chars(version.data(), version.data() + version.size(), major);
    const char* const end = version.data() + version.size();
    const bool has_minor = parsed.ptr != end && *parsed.ptr == '.';
    if (parsed.ec != std::errc{} || major < 1 || (!has_minor && parsed.ptr != end) ||
        (has_minor && std::from_chars(parsed.ptr + 1, end, minor).ptr != end))
      reader.fail("/schema/version", in_quotes(version) + " is not a version");
    if (major > timing_file_version_major)
      reader.fail("/schema/version", "version " + version.substr(0, 60) +
                                         " is newer than this program reads (" +
                                         std::to_string(timing_file_version_major) + ".x)");
    return minor;
  }
  reader.fail("/schema", "missing: not a timing file");
}

bool read_header_member(std::string_view name, const std::string& path, column_reader& columns,
                        recording& into) {
  using reader = void (*)(const std::string&, column_reader&, recording&);
  constexpr std::pair<std::string_view, reader> readers[] = {{"run", read_run},
                                                             {"clock", read_clock},
                                                             {"overhead", read_overhead},
                                                             {"hygiene", read_hygiene},
                                                             {"wall_ns", read_wall}};
  for (const auto& [known, read] : readers) {
    if (name != known) continue;
    read(path, columns, into);
    return true;
  }
  return false;
}

}  // namespace latency::timeline
