#include "analyzers/timeline/tracker_rows.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "latency/saturating.hpp"

namespace latency::timeline {
namespace {

namespace dom = simdjson::dom;

constexpr double ns_per_ms = 1e6, ns_per_s = 1e9;
constexpr std::string_view block_key = "block_";

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

}  // namespace

void tracker_rows::add_facts(const dom::object& from) {
  if (const auto count = integer(from, "num_frame_per_block"); count && *count > 0) {
    file_.latent_frames_per_block = *count;
    file_.run["latent_frames_per_block"] = *count;
  }
  if (const auto count = integer(from, "total_frames")) file_.run["latent_frames"] = *count;
  if (const auto count = integer(from, "total_blocks")) file_.run["blocks"] = *count;
  if (const auto count = integer(from, "warmup_frames"))
    file_.run["warm_up_latent_frames"] = *count;
  if (const auto seconds = number(from, "total_generation_time_s"))
    file_.run["total_generation_time_s"] = *seconds;
  if (std::string device = text(from, "device"); !device.empty())
    file_.run["device"] = std::move(device);
  dom::object timing;
  if (from["timing"].get_object().get(timing) == simdjson::SUCCESS)
    if (const auto seconds = number(timing, "total_generation_time_s"))
      file_.run["total_generation_time_s"] = *seconds;
}

std::optional<tracker_event> tracker_rows::event_of(const std::string& component,
                                                    const dom::object& from) {
  const auto device_ns = duration_ns(from, "gpu_time_ms");
  const auto host_ns = duration_ns(from, "cpu_time_ms");
  if (!device_ns && !host_ns) {
    ++file_.unusable_events;
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

void tracker_rows::add_event(const std::string& component, const dom::object& from) {
  if (component == "inter_frame_latency") return add_gap(from);
  if (component == "prompt_switch_total") return add_switch(from);
  if (auto event = event_of(component, from)) file_.events.push_back(std::move(*event));
}

void tracker_rows::add_switch(const dom::object& from) {
  auto total_ns = duration_ns(from, "total_ms");
  if (!total_ns) total_ns = duration_ns(from, "gpu_time_ms");
  if (total_ns)
    file_.switches.push_back(
        {*total_ns, integer(from, "segment_idx"), integer(from, "num_recache_frames")});
  else
    ++file_.unusable_events;
}

void tracker_rows::add_gap(const dom::object& from) {
  if (const auto gap_ns = duration_ns(from, "latency_ms"))
    file_.gaps.push_back({integer(from, "frame_idx").value_or(0), *gap_ns});
  else
    ++file_.unusable_events;
}

void tracker_rows::add_latent_frame(const dom::object& from) {
  const auto complete_ns = time_ns(from, "timestamp", ns_per_s);
  if (complete_ns)
    file_.latent_frames.push_back({integer(from, "frame_idx").value_or(0), *complete_ns,
                                   time_ns(from, "elapsed_since_start", ns_per_s).value_or(0)});
  else
    ++file_.unusable_events;
}

void tracker_rows::add_statistics(const std::string& component, const dom::object& from) {
  tracker_statistics& to = file_.statistics[component];
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

void tracker_rows::add_block(const dom::object& from) {
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
  file_.blocks.push_back(std::move(block));
}

void tracker_rows::add_block_events(tracker_block& to, const dom::key_value_pair& component) {
  dom::array events;
  if (component.value.get_array().get(events) != simdjson::SUCCESS) return;
  for (const dom::element one : events) {
    dom::object from;
    if (one.get_object().get(from) != simdjson::SUCCESS) continue;
    if (auto event = event_of(std::string(component.key), from))
      to.events.push_back(std::move(*event));
  }
}

}  // namespace latency::timeline
