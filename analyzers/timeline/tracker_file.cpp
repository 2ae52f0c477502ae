#include "analyzers/timeline/tracker_file.hpp"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "analyzers/timeline/json_cutter.hpp"
#include "latency/error.hpp"
#include "latency/saturating.hpp"

namespace latency::timeline {
namespace {

namespace dom = simdjson::dom;

constexpr double ns_per_ms = 1e6, ns_per_s = 1e9;
constexpr std::string_view block_key = "block_";

// Python writes them; JSON does not know them.
void forgive_nan(std::string& json) {
  bool in_text = false;
  for (std::size_t at = 0; at < json.size(); ++at) {
    if (in_text) {
      if (json[at] == '\\') ++at;
      if (at < json.size() && json[at] == '"') in_text = false;
      continue;
    }
    in_text = json[at] == '"';
    if (json[at] != 'N' && json[at] != 'I') continue;
    for (const std::string_view word : {"NaN", "Infinity"}) {
      if (json.compare(at, word.size(), word) != 0) continue;
      const std::size_t sign = at > 0 && json[at - 1] == '-' ? 1 : 0;
      json.replace(at - sign, word.size() + sign, "null");
    }
  }
}

std::optional<double> number(const dom::object& from, std::string_view key) {
  double value = 0;
  if (from[key].get_double().get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

std::optional<std::int64_t> integer(const dom::object& from, std::string_view key) {
  const auto value = number(from, key);
  constexpr double limit = 1e15;
  if (!value || !(*value >= -limit && *value <= limit)) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

std::optional<std::int64_t> time_ns(const dom::object& from, std::string_view key, double unit_ns) {
  const auto value = number(from, key);
  if (!value || !(std::abs(*value * unit_ns) <= static_cast<double>(time_limit_ns)))
    return std::nullopt;
  return std::llround(*value * unit_ns);
}

// Not negative.
std::optional<std::int64_t> duration_ns(const dom::object& from, std::string_view key) {
  const auto value = time_ns(from, key, ns_per_ms);
  return value && *value >= 0 ? value : std::nullopt;
}

std::string text(const dom::object& from, std::string_view key) {
  std::string_view value;
  return from[key].get_string().get(value) == simdjson::SUCCESS ? std::string(value) : "";
}

class tracker_parser {
 public:
  tracker_parser(std::string_view json, const std::string& name) : cutter_(json, name) {}

  tracker_file parse() {
    members("", [this](const std::string& key) { return read_member(key); });
    cutter_.finish();
    if (!known_)
      throw error(cutter_.file(), "",
                  "is no file of the older LongLive tracker: it has none of its tables");
    result_.shape = shape();
    return std::move(result_);
  }

 private:
  [[nodiscard]] tracker_shape shape() const {
    if (wrapped_) return tracker_shape::comprehensive;
    if (statistics_) return tracker_shape::interactive;
    return enhanced_ ? tracker_shape::enhanced : tracker_shape::frames;
  }

  // Walks the object here; `read` says whether it took the value of that key.
  template <class reader>
  void members(const std::string& path, const reader& read) {
    cutter_.open('{', path);
    while (const auto key = cutter_.member())
      if (!read(std::string(*key))) cutter_.skip();
  }

  template <class reader>
  void elements(const std::string& path, const reader& read) {
    constexpr std::size_t piece_bytes = std::size_t{1} << 20;
    cutter_.open('[', path);
    for (;;) {
      const std::string_view piece = cutter_.elements(piece_bytes);
      if (piece.empty()) return;
      const dom::element parsed = parsed_of(piece, true);
      for (const dom::element one : parsed.get_array()) {
        dom::object object;
        if (one.get_object().get(object) != simdjson::SUCCESS)
          cutter_.fail(cutter_.offset_of(piece.data()), path + " holds what is no object");
        read(object);
      }
    }
  }

  template <class reader>
  void object(const std::string& path, const reader& read) {
    const std::string_view piece = cutter_.value();
    dom::object found;
    if (parsed_of(piece, false).get_object().get(found) != simdjson::SUCCESS)
      cutter_.fail(cutter_.offset_of(piece.data()), path + " is no object");
    read(found);
  }

  // `of_array`: the piece is elements without the brackets around them.
  dom::element parsed_of(std::string_view piece, bool of_array) {
    buffer_.clear();
    buffer_.reserve(piece.size() + 2 + simdjson::SIMDJSON_PADDING);
    if (of_array) buffer_ += '[';
    buffer_ += piece;
    if (of_array) buffer_ += ']';
    forgive_nan(buffer_);
    dom::element result;
    if (const auto refused = parser_.parse(buffer_).get(result); refused != simdjson::SUCCESS)
      cutter_.fail(cutter_.offset_of(piece.data()),
                   std::string("not JSON: ") + simdjson::error_message(refused));
    return result;
  }

  bool read_member(const std::string& key) {
    if (key == "comprehensive_statistics") {
      wrapped_ = known_ = true;
      members("/" + key,
              [this, &key](const std::string& inner) { return read_statistics("/" + key, inner); });
    } else if (key == "component_timings") {
      wrapped_ = known_ = true;
      members("/" + key, [this](const std::string& component) {
        elements("/component_timings/" + component,
                 [&](const dom::object& event) { add_event(component, event); });
        return true;
      });
    } else if (key == "frame_times") {
      known_ = true;
      elements("/" + key, [this](const dom::object& from) { add_latent_frame(from); });
    } else if (key == "inter_frame_latencies") {
      known_ = true;
      elements("/" + key, [this](const dom::object& from) { add_gap(from); });
    } else if (key == "enhanced_statistics" || key == "analysis_config" || key == "metadata" ||
               key == "statistics") {
      enhanced_ = enhanced_ || key == "enhanced_statistics" || key == "analysis_config";
      object("/" + key, [this](const dom::object& from) { add_facts(from); });
    } else {
      return read_statistics("", key);
    }
    return true;
  }

  bool read_statistics(const std::string& path, const std::string& key) {
    if (key == "component_breakdown") {
      statistics_ = known_ = true;
      members(path + "/" + key, [&](const std::string& component) {
        object(path + "/component_breakdown/" + component,
               [&](const dom::object& from) { add_statistics(component, from); });
        return true;
      });
    } else if (key == "block_analysis") {
      statistics_ = known_ = true;
      elements(path + "/" + key, [this](const dom::object& from) { add_block(from); });
    } else if (key == "configuration" || key == "performance_metrics") {
      object(path + "/" + key, [this](const dom::object& from) { add_facts(from); });
    } else {
      return false;
    }
    return true;
  }

  void add_facts(const dom::object& from) {
    if (const auto count = integer(from, "num_frame_per_block"); count && *count > 0) {
      result_.latent_frames_per_block = *count;
      result_.run["latent_frames_per_block"] = *count;
    }
    if (const auto count = integer(from, "total_frames")) result_.run["latent_frames"] = *count;
    if (const auto count = integer(from, "total_blocks")) result_.run["blocks"] = *count;
    if (const auto count = integer(from, "warmup_frames"))
      result_.run["warm_up_latent_frames"] = *count;
    if (const auto seconds = number(from, "total_generation_time_s"))
      result_.run["total_generation_time_s"] = *seconds;
    if (std::string device = text(from, "device"); !device.empty())
      result_.run["device"] = std::move(device);
    dom::object timing;
    if (from["timing"].get_object().get(timing) == simdjson::SUCCESS)
      if (const auto seconds = number(timing, "total_generation_time_s"))
        result_.run["total_generation_time_s"] = *seconds;
  }

  std::optional<tracker_event> event_of(const std::string& component, const dom::object& from) {
    const auto device_ns = duration_ns(from, "gpu_time_ms");
    const auto host_ns = duration_ns(from, "cpu_time_ms");
    if (!device_ns && !host_ns) {
      ++result_.unusable_events;
      return std::nullopt;
    }
    tracker_event event;
    event.component = component;
    event.duration_ns = device_ns ? *device_ns : *host_ns;
    event.host_ns = std::max(event.duration_ns, host_ns.value_or(0));
    event.end_ns = time_ns(from, "timestamp", ns_per_s);
    event.operation = text(from, component == "device_sync" ? "sync_type" : "operation");
    event.segment = integer(from, "segment_idx");
    event.step = integer(from, "step_index");
    event.latent_frames = integer(from, "num_frames");
    event.timestep = number(from, "timestep");
    return event;
  }

  void add_event(const std::string& component, const dom::object& from) {
    if (component == "inter_frame_latency") return add_gap(from);
    if (component == "prompt_switch_total") return add_switch(from);
    if (auto event = event_of(component, from)) result_.events.push_back(std::move(*event));
  }

  void add_switch(const dom::object& from) {
    auto total_ns = duration_ns(from, "total_ms");
    if (!total_ns) total_ns = duration_ns(from, "gpu_time_ms");
    if (total_ns)
      result_.switches.push_back(
          {*total_ns, integer(from, "segment_idx"), integer(from, "num_recache_frames")});
    else
      ++result_.unusable_events;
  }

  void add_gap(const dom::object& from) {
    if (const auto gap_ns = duration_ns(from, "latency_ms"))
      result_.gaps.push_back({integer(from, "frame_idx").value_or(0), *gap_ns});
    else
      ++result_.unusable_events;
  }

  void add_latent_frame(const dom::object& from) {
    const auto complete_ns = time_ns(from, "timestamp", ns_per_s);
    if (complete_ns)
      result_.latent_frames.push_back({integer(from, "frame_idx").value_or(0), *complete_ns,
                                       time_ns(from, "elapsed_since_start", ns_per_s).value_or(0)});
    else
      ++result_.unusable_events;
  }

  void add_statistics(const std::string& component, const dom::object& from) {
    tracker_statistics& to = result_.statistics[component];
    to.count = std::max<std::int64_t>(integer(from, "count").value_or(0), 0);
    dom::object timing;
    if (from["gpu_timing"].get_object().get(timing) == simdjson::SUCCESS) {
      to.min_ns = duration_ns(timing, "min_ms").value_or(0);
      to.median_ns = duration_ns(timing, "median_ms").value_or(0);
      to.p95_ns = duration_ns(timing, "p95_ms").value_or(0);
      to.p99_ns = duration_ns(timing, "p99_ms").value_or(0);
      to.max_ns = duration_ns(timing, "max_ms").value_or(0);
      to.total_ns = duration_ns(timing, "total_ms").value_or(0);
    }
    dom::object blocks;
    if (from["per_block_variance"].get_object().get(blocks) != simdjson::SUCCESS) return;
    for (const dom::key_value_pair one : blocks) {
      std::int64_t index = 0;
      const std::string_view digits = one.key.substr(std::min(block_key.size(), one.key.size()));
      const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), index);
      dom::object of;
      if (read.ec != std::errc{} || one.value.get_object().get(of) != simdjson::SUCCESS) continue;
      to.blocks[index] = {duration_ns(of, "mean_ms").value_or(0),
                          std::max<std::int64_t>(integer(of, "count").value_or(0), 0)};
    }
  }

  void add_block(const dom::object& from) {
    tracker_block block;
    block.index = integer(from, "block_idx").value_or(0);
    dom::array range;
    if (from["frame_range"].get_array().get(range) == simdjson::SUCCESS && range.size() == 2) {
      double first = 0, last = 0;
      if (range.at(0).get_double().get(first) == simdjson::SUCCESS &&
          range.at(1).get_double().get(last) == simdjson::SUCCESS && first >= 0 && last >= first &&
          last < 1e9) {
        block.first_latent_frame = static_cast<std::int64_t>(first);
        block.latent_frames = static_cast<std::int64_t>(last) - block.first_latent_frame + 1;
      }
    }
    block.duration_ns = duration_ns(from, "total_time_ms").value_or(0);
    dom::object components;
    if (from["component_timings"].get_object().get(components) == simdjson::SUCCESS)
      for (const dom::key_value_pair component : components) add_block_events(block, component);
    result_.blocks.push_back(std::move(block));
  }

  void add_block_events(tracker_block& to, const dom::key_value_pair& component) {
    dom::array events;
    if (component.value.get_array().get(events) != simdjson::SUCCESS) return;
    for (const dom::element one : events) {
      dom::object from;
      if (one.get_object().get(from) != simdjson::SUCCESS) continue;
      if (auto event = event_of(std::string(component.key), from))
        to.events.push_back(std::move(*event));
    }
  }

  json_cutter cutter_;
  dom::parser parser_;
  std::string buffer_;
  tracker_file result_;
  bool known_ = false;       // some table of the tracker's came
  bool wrapped_ = false;     // statistics with the events they are of
  bool statistics_ = false;  // statistics outermost
  bool enhanced_ = false;
};

}  // namespace

const char* to_string(tracker_shape shape) noexcept {
  switch (shape) {
    case tracker_shape::comprehensive:
      return "comprehensive_analysis";
    case tracker_shape::interactive:
      return "interactive_timing_analysis";
    case tracker_shape::enhanced:
      return "enhanced_latency_analysis";
    case tracker_shape::frames:
      break;
  }
  return "latency_analysis";
}

tracker_file parse_tracker_file(std::string_view text, const std::string& name) {
  return tracker_parser(text, name).parse();
}

bool is_tracker_file(std::string_view head) noexcept {
  for (const std::string_view key :
       {"\"component_breakdown\"", "\"component_timings\"", "\"inter_frame_latencies\"",
        "\"comprehensive_statistics\"", "\"block_analysis\""})
    if (head.find(key) != head.npos) return true;
  return head.find("\"frame_times\"") != head.npos &&
         head.find("\"elapsed_since_start\"") != head.npos;
}

}  // namespace latency::timeline
