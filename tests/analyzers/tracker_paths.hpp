#pragma once
// What spans a file of the older tracker became, by the path of names to them.

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "latency/recording.hpp"
#include "latency/span_tree.hpp"

namespace latency_test {

using latency::recording;
using latency::span;

inline constexpr std::int64_t ms = 1'000'000;

inline const span* find(const recording& run, latency::span_id id) {
  for (const span& s : run.spans)
    if (s.id == id) return &s;
  return nullptr;
}

// "prompt_switch_total > prompt_switch_recache > diffusion_forward"
inline std::string path_of(const recording& run, const span& s) {
  const span* const parent = find(run, s.parent);
  return (parent == nullptr ? "" : path_of(run, *parent) + " > ") + run.name_of(s);
}

struct counted {
  std::int64_t count = 0, sum_ns = 0;
  bool operator==(const counted& other) const {
    return count == other.count && sum_ns == other.sum_ns;
  }
};

// By path, without the outermost span.
inline std::map<std::string, counted> paths_of(const recording& run) {
  std::map<std::string, counted> result;
  for (const span& s : run.spans) {
    const std::string path = path_of(run, s);
    const std::size_t at = path.find(" > ");
    if (at == path.npos) continue;
    counted& to = result[path.substr(at + 3)];
    ++to.count;
    to.sum_ns += s.end_ns - s.start_ns;
  }
  return result;
}

// By the tracker's component, whatever the span is called.
inline std::map<std::string, std::vector<std::int64_t>> components_of(const recording& run) {
  std::map<std::string, std::vector<std::int64_t>> result;
  const latency::string_id key = run.strings.find("component");
  for (const span& s : run.spans) {
    std::string name = run.name_of(s);
    for (std::uint64_t i = s.attributes.first; i < s.attributes.first + s.attributes.count; ++i)
      if (run.attributes[i].key == key) name = run.strings[run.attributes[i].text];
    result[name].push_back(s.end_ns - s.start_ns);
  }
  for (const latency::recorded_async_span& s : run.async_spans)
    result[run.strings[s.name]].push_back(s.end_ns - s.start_ns);
  return result;
}

inline void check_sound(const recording& run) {
  const latency::span_tree tree(run);
  for (const latency::thread_account& thread : tree.threads()) CHECK(thread.exact());
  for (std::size_t i = 0; i < run.spans.size(); ++i)
    CHECK_MESSAGE(tree.nodes()[i].problems == 0, path_of(run, run.spans[i]));
}

inline std::string all_replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// Of tracked_run() in tracker_text.hpp.
inline const std::map<std::string, counted> paths_of_the_run = {
    {"interactive_text_encoding", {1, 10 * ms}},
    {"interactive_text_encoding > text_encoder", {1, 7 * ms}},
    {"temporal_block", {2, 130 * ms}},
    {"temporal_block > interactive_block_input_prep", {2, 2 * ms}},
    {"temporal_block > interactive_denoising_step_final", {2, 40 * ms}},
    {"temporal_block > interactive_denoising_step_final > diffusion_forward", {2, 36 * ms}},
    {"temporal_block > interactive_kv_cache_update", {2, 50 * ms}},
    {"temporal_block > interactive_kv_cache_update > diffusion_forward", {2, 46 * ms}},
    {"temporal_block > prompt_switch_total", {1, 30 * ms}},
    {"temporal_block > prompt_switch_total > prompt_switch_kv_reset", {1, 2 * ms}},
    {"temporal_block > prompt_switch_total > prompt_switch_crossattn_reset", {1, 1 * ms}},
    {"temporal_block > prompt_switch_total > prompt_switch_recache_setup", {1, 4 * ms}},
    {"temporal_block > prompt_switch_total > prompt_switch_recache", {1, 18 * ms}},
    {"temporal_block > prompt_switch_total > prompt_switch_recache > diffusion_forward",
     {1, 16 * ms}},
    {"temporal_block > prompt_switch_total > prompt_switch_final_reset", {1, 2 * ms}},
    {"interactive_vae_decode", {1, 30 * ms}},
    {"interactive_vae_decode > vae_decode", {1, 28 * ms}},
    {"interactive_vae_postprocess", {1, 4 * ms}}};

}  // namespace latency_test
