#include "analyzers/timeline/tracker_nesting.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "latency/saturating.hpp"

namespace latency::timeline {
namespace {

constexpr std::size_t deepest = 16;  // a real run nests 4 levels
constexpr std::size_t nobody = static_cast<std::size_t>(-1);

std::int64_t start_ns_of(const tracker_event& event) {
  return saturating_add(*event.end_ns, -event.host_ns);
}

bool same_call(const tracker_event& a, const tracker_event& b) {
  return a.component == b.component && a.operation == b.operation && a.timestep == b.timestep;
}

// Whatever a component is called that only says what kind of work it is, its operation says more.
bool lumps_operations(const std::string& component) {
  return component == "kv_operations" || component == "device_sync" ||
         component == "attention_kernel";
}

bool begins(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

}  // namespace

tracker_role role_of(const std::string& name) {
  if (begins(name, "prompt_switch_")) return tracker_role::switch_part;
  if (name == "interactive_text_encoding" || name == "text_encoding" || name == "text_encoder")
    return tracker_role::text_encoding;
  if (name == "interactive_kv_cache_update" || name == "kv_cache_update")
    return tracker_role::context_pass;
  if (name.find("vae_") != name.npos || name == "video_postprocessing") return tracker_role::vae;
  return tracker_role::other;
}

std::string span_name_of(const std::string& component, const std::string& operation,
                         bool switches) {
  // Nothing but the mask that the recache needs was timed under that name in an interactive run.
  if (component == "attention_kernel" &&
      (operation == "prompt_switch_mask_prep" || (operation.empty() && switches)))
    return "prompt_switch_recache_setup";
  return lumps_operations(component) && !operation.empty() ? operation : component;
}

placed_span span_of(const tracker_event& event, bool switches) {
  placed_span result;
  result.name = span_name_of(event.component, event.operation, switches);
  result.duration_ns = event.duration_ns;
  result.end_ns = event.end_ns;
  known_attributes& to = result.attributes;
  if (result.name != event.component) to.emplace_back("component", event.component);
  if (event.segment) to.emplace_back("segment", *event.segment);
  if (event.step) to.emplace_back("step", *event.step);
  if (event.timestep) to.emplace_back("timestep", *event.timestep);
  if (event.latent_frames) to.emplace_back("latent_frames", *event.latent_frames);
  if (event.host_ns != event.duration_ns) to.emplace_back("host_ns", event.host_ns);
  return result;
}

nested_events nest(std::vector<tracker_event> events, bool switches) {
  std::stable_sort(events.begin(), events.end(), [](const auto& a, const auto& b) {
    return std::pair(start_ns_of(a), -*a.end_ns) < std::pair(start_ns_of(b), -*b.end_ns);
  });
  nested_events result;
  std::vector<std::size_t> parent(events.size(), nobody), open;
  for (std::size_t i = 0; i < events.size(); ++i) {
    while (!open.empty() && *events[open.back()].end_ns < *events[i].end_ns) open.pop_back();
    const std::size_t around = open.empty() ? nobody : open.back();
    if (around != nobody && same_call(events[i], events[around])) {
      ++result.twice[events[i].component];
      parent[i] = i;  // left out; what is in it is in the other one too
      continue;
    }
    parent[i] = around;
    if (open.size() < deepest) open.push_back(i);
  }
  // Last first: children are complete when they are handed to their parent.
  std::vector<placed_span> spans(events.size());
  for (std::size_t i = events.size(); i-- > 0;) {
    if (parent[i] == i) continue;
    placed_span built = span_of(events[i], switches);
    built.children = std::move(spans[i].children);
    std::reverse(built.children.begin(), built.children.end());
    if (parent[i] != nobody)
      spans[parent[i]].children.push_back(std::move(built));
    else
      result.roots.push_back(
          {start_ns_of(events[i]), *events[i].end_ns, events[i].segment, std::move(built)});
  }
  std::stable_sort(result.roots.begin(), result.roots.end(),
                   [](const auto& a, const auto& b) { return a.end_ns < b.end_ns; });
  return result;
}

}  // namespace latency::timeline
