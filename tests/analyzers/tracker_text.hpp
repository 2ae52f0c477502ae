#pragma once
// Files as the older LongLive tracker wrote them: one small run in its four shapes.
//
// Two blocks of three latent frames with a prompt switch between them, in milliseconds of the
// tracker's clock (GPU times; hosts saw 0.5 ms more of each):
//   10..20   interactive_text_encoding [12..19 text_encoder]
//   30..80   block 0: 30..31 input prep, 32..52 step [33..51 forward], 53..78 context pass
//            [54..77 forward]
//   82..112  prompt switch: kv reset 82..84, cross-attention reset 84..85, mask 86..90, recache
//            91..109 [92..108 forward], final reset 110..112
//   113..163 block 1: like block 0
//   170..200 interactive_vae_decode [171..199 vae_decode], 201..205 post-processing

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "latency/statistics.hpp"

namespace latency_test {

struct tracked_scope {
  std::string component;
  double start_ms, end_ms;
  int block = -1;
  std::string more = {};  // further members, with a comma in front
};

inline std::vector<tracked_scope> tracked_block(int block, double at_ms, int segment) {
  const std::string of = R"(, "segment_idx": )" + std::to_string(segment);
  return {
      {"device_sync", at_ms, at_ms + 1, block, R"(, "sync_type": "interactive_block_input_prep")"},
      {"diffusion_forward", at_ms + 3, at_ms + 21, block,
       R"(, "operation": "forward", "timestep": 1000.0)"},
      {"interactive_denoising_step_final", at_ms + 2, at_ms + 22, block,
       R"(, "timestep": 1000.0, "step_index": 0)" + of},
      {"diffusion_forward", at_ms + 24, at_ms + 47, block,
       R"(, "operation": "forward", "timestep": 0.0)"},
      {"kv_operations", at_ms + 23, at_ms + 48, block,
       R"(, "operation": "interactive_kv_cache_update")" + of}};
}

inline std::vector<tracked_scope> tracked_run() {
  const std::string of = R"(, "segment_idx": 1)";
  std::vector<tracked_scope> run = {{"text_encoder", 12, 19},
                                    {"interactive_text_encoding", 10, 20}};
  for (const tracked_scope& scope : tracked_block(0, 30, 0)) run.push_back(scope);
  // Filed under the block before the switch.
  run.push_back({"prompt_switch_kv_reset", 82, 84, 0, of});
  run.push_back(
      {"kv_operations", 84, 85, 0, R"(, "operation": "prompt_switch_crossattn_reset")" + of});
  run.push_back(
      {"attention_kernel", 86, 90, 0, R"(, "operation": "prompt_switch_mask_prep")" + of});
  run.push_back({"diffusion_forward", 92, 108, 0, R"(, "operation": "forward", "timestep": 0.0)"});
  run.push_back({"prompt_switch_recache", 91, 109, 0, of + R"(, "num_frames": 3)"});
  run.push_back(
      {"kv_operations", 110, 112, 0, R"(, "operation": "prompt_switch_final_reset")" + of});
  for (const tracked_scope& scope : tracked_block(1, 113, 1)) run.push_back(scope);
  run.push_back({"vae_decode", 171, 199, 1});
  run.push_back({"interactive_vae_decode", 170, 200, 1});
  run.push_back({"device_sync", 201, 205, 1, R"(, "sync_type": "interactive_vae_postprocess")"});
  return run;
}

inline std::string event_text(const tracked_scope& scope) {
  const double host_ms = scope.end_ms - scope.start_ms + 0.5;
  return R"({"component": ")" + scope.component + R"(", "gpu_time_ms": )" +
         std::to_string(scope.end_ms - scope.start_ms) + R"(, "cpu_time_ms": )" +
         std::to_string(host_ms) + R"(, "frame_idx": 0, "block_idx": )" +
         std::to_string(scope.block) + R"(, "timestamp": )" +
         std::to_string(100 + scope.end_ms / 1000) + scope.more + "}";
}

template <class selection>
std::string event_lists(const std::vector<tracked_scope>& run, const selection& selected) {
  std::map<std::string, std::string> lists;
  for (const tracked_scope& scope : run)
    if (selected(scope)) {
      std::string& list = lists[scope.component];
      list += (list.empty() ? "" : ", ") + event_text(scope);
    }
  std::string result;
  for (const auto& [component, list] : lists)
    result += (result.empty() ? "\"" : ", \"") + component + "\": [" + list + "]";
  return "{" + result + "}";
}

// "gpu_timing" and what stands around it.
inline std::string statistics_text(const std::vector<double>& values_ms,
                                   const std::map<int, double>& of_blocks = {}) {
  const latency::summary s = latency::summarize(values_ms);
  double total = 0;
  for (const double value : values_ms) total += value;
  const auto member = [](const char* name, double value) {
    return std::string(", \"") + name + "\": " + std::to_string(value);
  };
  std::string blocks;
  for (const auto& [block, value] : of_blocks)
    blocks += (blocks.empty() ? "\"block_" : ", \"block_") + std::to_string(block) +
              R"(": {"mean_ms": )" + std::to_string(value) + R"(, "count": 1})";
  return R"({"count": )" + std::to_string(values_ms.size()) + R"(, "gpu_timing": {"mean_ms": )" +
         std::to_string(s.mean) + member("median_ms", s.p50) + member("min_ms", s.min) +
         member("max_ms", s.max) + member("p95_ms", s.p95) + member("p99_ms", s.p99) +
         member("total_ms", total) + "}" +
         (blocks.empty() ? "" : R"(, "per_block_variance": {)" + blocks + "}") + "}";
}

// Components that the interactive shape keeps no events of.
inline bool only_summarized(const std::string& component) {
  return component != "device_sync" && component != "diffusion_forward" &&
         component != "kv_operations" && component != "interactive_denoising_step_final";
}

inline std::string tracker_statistics_text(const std::vector<tracked_scope>& run) {
  std::map<std::string, std::vector<double>> values;
  std::map<std::string, std::map<int, double>> of_blocks;
  for (const tracked_scope& scope : run) {
    values[scope.component].push_back(scope.end_ms - scope.start_ms);
    if (scope.block >= 0 && only_summarized(scope.component))
      of_blocks[scope.component][scope.block] = scope.end_ms - scope.start_ms;
  }
  values["prompt_switch_total"] = {30};
  values["inter_frame_latency"] = {0.01, 0.01, 83, 0.02, 0.01};
  std::string components;
  for (const auto& [component, list] : values)
    components += (components.empty() ? "\"" : ", \"") + component +
                  "\": " + statistics_text(list, of_blocks[component]);
  std::string blocks;
  for (const int block : {0, 1})
    blocks += (block == 0 ? "" : ", ") + (R"({"block_idx": )" + std::to_string(block)) +
              R"(, "frame_range": [)" + std::to_string(3 * block) + ", " +
              std::to_string(3 * block + 2) + R"(], "total_time_ms": 50.0, "component_timings": )" +
              event_lists(run,
                          [&](const tracked_scope& scope) {
                            return scope.block == block && !only_summarized(scope.component);
                          }) +
              "}";
  return R"({"configuration": {"num_frame_per_block": 3, "warmup_frames": 5, "total_frames": 6,
 "total_blocks": 2}, "component_breakdown": {)" +
         components + R"(}, "block_analysis": [)" + blocks +
         R"(], "cross_vs_intra_block": {}, "performance_metrics": {"total_generation_time_s": 0.14}})";
}

inline const std::string completed_latent_frames =
    R"("frame_times": [{"frame_idx": 0, "timestamp": 100.08, "elapsed_since_start": 0.05},
 {"frame_idx": 1, "timestamp": 100.08001, "elapsed_since_start": 0.05001},
 {"frame_idx": 2, "timestamp": 100.08002, "elapsed_since_start": 0.05002},
 {"frame_idx": 3, "timestamp": 100.163, "elapsed_since_start": 0.133},
 {"frame_idx": 4, "timestamp": 100.16301, "elapsed_since_start": 0.13301},
 {"frame_idx": 5, "timestamp": 100.16302, "elapsed_since_start": 0.13302}])";

inline std::string interactive_file() {
  return tracker_statistics_text(tracked_run());
}

inline std::string comprehensive_file(std::vector<tracked_scope> run = tracked_run()) {
  std::string lists = event_lists(run, [](const tracked_scope&) { return true; });
  lists.pop_back();
  return "{" + completed_latent_frames + R"(, "component_timings": )" + lists +
         R"(, "prompt_switch_total": [{"segment_idx": 1, "frame_idx": 3, "num_recache_frames": 3,
 "cache_reset_ms": 3.0, "recache_setup_ms": 4.0, "recache_forward_ms": 18.0, "total_ms": 30.0,
 "gpu_time_ms": 30.0, "cpu_time_ms": 30.0}], "inter_frame_latency": [
 {"frame_idx": 1, "latency_ms": 0.01}, {"frame_idx": 3, "latency_ms": NaN},
 {"frame_idx": 3, "latency_ms": 82.98}]}, "comprehensive_statistics": )" +
         tracker_statistics_text(run) +
         R"(, "metadata": {"device": "cuda:0", "timestamp": 1.7e9, "warmup_frames": 5,
 "num_frame_per_block": 3}})";
}

inline std::string enhanced_file() {
  return "{" + completed_latent_frames + R"(, "inter_frame_latencies": [{"frame_idx": 3,
 "latency_ms": 82.98, "is_cross_block": true, "transition_type": "cross-block"}],
 "enhanced_statistics": {"total_frames": 6, "num_frame_per_block": 3,
 "timing": {"total_generation_time_s": 0.13}}, "analysis_config": {"num_frame_per_block": 3}})";
}

inline std::string frames_file() {
  return "{" + completed_latent_frames + R"(, "inter_frame_latencies": [{"frame_idx": 3,
 "latency_ms": 82.98}], "statistics": {"num_frames": 6, "mean_latency_ms": 82.98,
 "total_generation_time_s": 0.13}})";
}

}  // namespace latency_test
