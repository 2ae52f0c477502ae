#include "analyzers/render/tracker_export.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "analyzers/render/tracker_layout.hpp"
#include "latency/error.hpp"
#include "latency/saturating.hpp"
#include "latency/statistics.hpp"

namespace latency::render {
namespace {

using json = nlohmann::ordered_json;

struct old_name {
  std::string_view span, component, key, operation;
};
// Scopes that the tracker filed under what kind of work they were.
constexpr old_name old_names[] = {
    {"interactive_kv_cache_update", "kv_operations", "operation", "interactive_kv_cache_update"},
    {"kv_cache_update", "kv_operations", "operation", "kv_cache_update"},
    {"prompt_switch_crossattn_reset", "kv_operations", "operation",
     "prompt_switch_crossattn_reset"},
    {"prompt_switch_final_reset", "kv_operations", "operation", "prompt_switch_final_reset"},
    {"prompt_switch_recache_setup", "attention_kernel", "operation", "prompt_switch_mask_prep"},
    {"diffusion_forward", "diffusion_forward", "operation", "forward"},
    {"interactive_block_input_prep", "device_sync", "sync_type", "interactive_block_input_prep"},
    {"interactive_timestep_prep", "device_sync", "sync_type", "interactive_timestep_prep"},
    {"interactive_noise_scheduling", "device_sync", "sync_type", "interactive_noise_scheduling"},
    {"interactive_output_recording", "device_sync", "sync_type", "interactive_output_recording"},
    {"interactive_context_prep", "device_sync", "sync_type", "interactive_context_prep"},
    {"interactive_vae_input_prep", "device_sync", "sync_type", "interactive_vae_input_prep"},
    {"interactive_vae_postprocess", "device_sync", "sync_type", "interactive_vae_postprocess"},
};

// What other scripts call attributes of ours.
constexpr std::pair<std::string_view, const char*> old_keys[] = {{"segment", "segment_idx"},
                                                                 {"step", "step_index"},
                                                                 {"timestep", "timestep"},
                                                                 {"latent_frames", "num_frames"}};

double in_ms(std::int64_t ns) {
  return static_cast<double>(ns) / 1e6;
}
double in_s(std::int64_t ns) {
  return static_cast<double>(ns) / 1e9;
}

// Times of files may be absurd.
std::int64_t length_ns(std::int64_t start_ns, std::int64_t end_ns) {
  return clamp_time(end_ns) - clamp_time(start_ns);
}
template <class row>
std::int64_t length_ns(const row& of) {
  return length_ns(of.start_ns, of.end_ns);
}

json summary_of(const std::vector<std::int64_t>& values_ns) {
  const summary s = summarize(values_ns);
  return {{"mean_ms", s.mean / 1e6}, {"median_ms", s.p50 / 1e6}, {"std_ms", s.stddev / 1e6},
          {"min_ms", s.min / 1e6},   {"max_ms", s.max / 1e6},    {"p95_ms", s.p95 / 1e6},
          {"p99_ms", s.p99 / 1e6},   {"total_ms", s.sum / 1e6}};
}

json short_summary_of(const std::vector<std::int64_t>& values_ns) {
  const summary s = summarize(values_ns);
  return {{"count", s.n},
          {"mean_ms", s.mean / 1e6},
          {"median_ms", s.p50 / 1e6},
          {"max_ms", s.max / 1e6},
          {"p95_ms", s.p95 / 1e6}};
}

class tracker_export {
 public:
  tracker_export(const recording& run, const tracker_layout& layout) : run_(run), layout_(layout) {
    for (const event_window& w : run.event_windows)
      if (w.replay == 0 && w.last_replay == 0) {
        std::int64_t& sum_ns = windows_ns_[w.span];
        sum_ns = saturating_add(sum_ns, length_ns(w));
      }
    for (const span& s : run.spans) children_[s.parent].push_back(&s);
  }

  json build() {
    add_switches();
    for (const span& s : run_.spans) add(s);
    json frames = latent_frames();
    return {{"frame_times", std::move(frames)},
            {"component_timings", events_},
            {"comprehensive_statistics", statistics()},
            {"metadata",
             {{"device", device()},
              {"timestamp", in_s(saturating_add(run_.clock.origin_unix_ns, run_.wall_ns))},
              {"warmup_frames", 0},
              {"num_frame_per_block", layout_.latent_frames_per_block()}}}};
  }

 private:
  struct of_component {
    std::vector<std::int64_t> device_ns, host_ns;
    std::map<std::int64_t, std::vector<std::int64_t>> blocks;
  };

  [[nodiscard]] std::int64_t device_ns(const span& s) const {
    const auto window = windows_ns_.find(s.id);
    return window == windows_ns_.end() ? length_ns(s) : window->second;
  }

  void add(const span& s) {
    if (layout_.holds_blocks(s)) return;  // blocks have a table of their own
    const std::string& name = run_.name_of(s);
    if (name == "prompt_switch_total") return;  // from the table of switches
    const tracker_layout::place at = layout_.place_of(s);
    const std::int64_t host_ns = length_ns(s);
    json event;
    std::string component = name;
    event["component"] = component;
    event["gpu_time_ms"] = in_ms(device_ns(s));
    event["cpu_time_ms"] = in_ms(host_ns);
    event["frame_idx"] = layout_.latent_frames_until(at.block);
    event["block_idx"] = at.block;
    event["timestamp"] = in_s(s.end_ns);
    for (const old_name& known : old_names) {
      if (known.span != name) continue;
      component = known.component;
      event["component"] = component;
      event[std::string(known.key)] = known.operation;
    }
    for (std::uint64_t i = s.attributes.first; i < s.attributes.first + s.attributes.count; ++i) {
      const recorded_attribute& a = run_.attributes[i];
      for (const auto& [ours, old] : old_keys) {
        if (run_.strings[a.key] != ours) continue;
        if (a.type == recorded_attribute::kind::integer) event[old] = a.integer;
        if (a.type == recorded_attribute::kind::real) event[old] = a.real;
      }
    }
    of_component& to = components_[component];
    to.device_ns.push_back(device_ns(s));
    to.host_ns.push_back(host_ns);
    if (at.block >= 0) to.blocks[at.block].push_back(device_ns(s));
    // What a switch timed under a name of its own is in no block.
    const bool filed = at.block >= 0 && (!at.in_switch || component == "kv_operations" ||
                                         component == "diffusion_forward");
    if (filed) block_events_[at.block][component].push_back(event);
    events_[component].push_back(std::move(event));
  }

  json latent_frames() {
    json frames = json::array();
    std::optional<std::int64_t> before_ns;
    for (const auto& [row, own] : layout_.blocks()) {
      for (std::int32_t i = 0; i < row->latent_frames; ++i) {
        const std::int64_t frame = std::int64_t{row->first_latent_frame} + i;
        const std::int64_t start_ns = layout_.blocks().front().own->start_ns;
        frames.push_back({{"frame_idx", frame},
                          {"timestamp", in_s(own->end_ns)},
                          {"elapsed_since_start", in_s(length_ns(start_ns, own->end_ns))}});
        if (before_ns) add_gap(frame, length_ns(*before_ns, own->end_ns), i == 0);
        before_ns = own->end_ns;
      }
    }
    return frames;
  }

  void add_gap(std::int64_t frame, std::int64_t gap_ns, bool across) {
    events_["inter_frame_latency"].push_back(
        {{"frame_idx", frame},
         {"latency_ms", in_ms(gap_ns)},
         {"is_cross_block", across},
         {"transition_type", across ? "cross-block" : "intra-block"}});
    components_["inter_frame_latency"].device_ns.push_back(gap_ns);
    (across ? across_ns_ : within_ns_).push_back(gap_ns);
  }

  // Sum of the parts of a switch whose names begin so.
  [[nodiscard]] double part_ms(span_id total, std::string_view a, std::string_view b = {}) const {
    std::int64_t sum_ns = 0;
    const auto parts = children_.find(total);
    if (parts == children_.end()) return 0;
    for (const span* part : parts->second) {
      const std::string& name = run_.name_of(*part);
      if (name == a || name == b) sum_ns = saturating_add(sum_ns, length_ns(*part));
    }
    return in_ms(sum_ns);
  }

  void add_switches() {
    for (const prompt_switch& row : run_.switches) {
      const span* const total = layout_.find(row.span);
      if (total == nullptr) continue;
      const std::int64_t total_ns = length_ns(*total);
      events_["prompt_switch_total"].push_back(
          {{"segment_idx", row.segment},
           {"frame_idx", row.latent_frame},
           {"num_recache_frames", row.recached_latent_frames},
           {"cache_reset_ms",
            part_ms(row.span, "prompt_switch_kv_reset", "prompt_switch_crossattn_reset")},
           {"recache_setup_ms", part_ms(row.span, "prompt_switch_recache_setup")},
           {"recache_forward_ms", part_ms(row.span, "prompt_switch_recache")},
           {"total_ms", in_ms(total_ns)},
           {"gpu_time_ms", in_ms(total_ns)},
           {"cpu_time_ms", in_ms(total_ns)}});
      components_["prompt_switch_total"].device_ns.push_back(total_ns);
      components_["prompt_switch_total"].host_ns.push_back(total_ns);
      std::int64_t& of_block_ns = switch_of_block_ns_[total->parent];
      of_block_ns = saturating_add(of_block_ns, total_ns);
    }
  }

  json statistics() {
    json breakdown = json::object();
    for (const auto& [component, of] : components_) {
      json entry = {{"count", of.device_ns.size()}, {"gpu_timing", summary_of(of.device_ns)}};
      if (!of.host_ns.empty()) {
        const summary host = summarize(of.host_ns);
        entry["cpu_timing"] = {{"mean_ms", host.mean / 1e6}, {"total_ms", host.sum / 1e6}};
      }
      for (const auto& [block, values_ns] : of.blocks)
        entry["per_block_variance"]["block_" + std::to_string(block)] = {
            {"mean_ms", summarize(values_ns).mean / 1e6}, {"count", values_ns.size()}};
      breakdown[component] = std::move(entry);
    }
    json blocks = json::array();
    for (std::size_t i = 0; i < layout_.blocks().size(); ++i) blocks.push_back(block_analysis(i));
    return {{"configuration",
             {{"num_frame_per_block", layout_.latent_frames_per_block()},
              {"warmup_frames", 0},
              {"total_frames", layout_.latent_frames()},
              {"total_blocks", layout_.blocks().size()}}},
            {"component_breakdown", std::move(breakdown)},
            {"block_analysis", std::move(blocks)},
            {"cross_vs_intra_block", gaps()},
            {"performance_metrics", performance()}};
  }

  json block_analysis(std::size_t i) {
    const auto& [row, own] = layout_.blocks()[i];
    const auto delay = switch_of_block_ns_.find(own->id);
    const std::int64_t delay_ns = delay == switch_of_block_ns_.end() ? 0 : delay->second;
    const double total_ms = in_ms(saturating_add(length_ns(*own), -delay_ns));
    const std::int64_t first = row->first_latent_frame;
    json components = json::object();
    for (auto& [component, list] : block_events_[static_cast<std::int64_t>(i)])
      components[component] = std::move(list);
    return {{"block_idx", i},
            {"frame_range", {first, first + row->latent_frames - 1}},
            {"total_time_ms", total_ms},
            {"component_timings", std::move(components)},
            {"avg_time_per_frame_ms", total_ms / std::max(row->latent_frames, 1)}};
  }

  [[nodiscard]] json gaps() const {
    if (across_ns_.empty() || within_ns_.empty()) return json::object();
    const double across = summarize(across_ns_).mean, within = summarize(within_ns_).mean;
    json comparison = {
        {"additional_latency_ms", (across - within) / 1e6},
        {"cross_block_percentage", 100.0 * static_cast<double>(across_ns_.size()) /
                                       static_cast<double>(across_ns_.size() + within_ns_.size())}};
    if (within > 0) comparison["latency_multiplier"] = across / within;
    return {{"cross_block_worst_case", short_summary_of(across_ns_)},
            {"intra_block_best_case", short_summary_of(within_ns_)},
            {"comparison", std::move(comparison)}};
  }

  [[nodiscard]] json performance() const {
    const auto& blocks = layout_.blocks();
    if (blocks.empty()) return json::object();
    const double time_s = in_s(length_ns(blocks.front().own->start_ns, blocks.back().own->end_ns));
    const auto latent_frames = static_cast<double>(layout_.latent_frames());
    const double rate = time_s > 0 ? latent_frames / time_s : 0;
    return {{"total_generation_time_s", time_s},
            {"average_fps", rate},
            {"frames_per_second", rate},
            {"ms_per_frame", latent_frames > 0 ? time_s * 1e3 / latent_frames : 0}};
  }

  [[nodiscard]] std::string device() const {
    const auto named = run_.run.find("device");
    const auto* text = named == run_.run.end() ? nullptr : std::get_if<std::string>(&named->second);
    return text == nullptr ? "unknown" : *text;
  }

  const recording& run_;
  const tracker_layout& layout_;
  std::map<span_id, std::int64_t> windows_ns_, switch_of_block_ns_;
  std::map<span_id, std::vector<const span*>> children_;
  json events_ = json::object();
  std::map<std::string, of_component> components_;
  std::map<std::int64_t, std::map<std::string, json>> block_events_;
  std::vector<std::int64_t> across_ns_, within_ns_;
};

}  // namespace

std::string to_tracker_json(const recording& run) {
  if (run.spans.empty()) throw error(run.source, "", "holds no spans to export");
  constexpr std::int64_t most_latent_frames = std::int64_t{1} << 18;  // 18 hours of video
  const tracker_layout layout(run);
  if (layout.latent_frames() > most_latent_frames)
    throw error(run.source, "blocks", "too many latent frames for a file of the older tracker");
  constexpr std::size_t longest_name_bytes = 1024;  // each event repeats its name
  for (const span& s : run.spans)
    if (run.name_of(s).size() > longest_name_bytes)
      throw error(run.source, "spans", "a name too long for a file of the older tracker");
  return tracker_export(run, layout).build().dump(2, ' ', false, json::error_handler_t::replace) +
         "\n";
}

}  // namespace latency::render
