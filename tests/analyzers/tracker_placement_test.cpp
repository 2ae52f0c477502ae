// Where scopes of the older tracker's files belong when the file is not as plain as the usual one.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "analyzers/timeline/tracker_reader.hpp"
#include "tests/analyzers/tracker_paths.hpp"
#include "tests/analyzers/tracker_text.hpp"

using namespace latency_test;
using latency::parse_tracker;

TEST_CASE("tracker_placement: a switch starts a segment where no scope names one") {
  const recording run =
      parse_tracker(all_replaced(comprehensive_file(), "segment_idx", "other"), "t.json");
  CHECK(run.blocks[0].segment == 0);
  CHECK(run.blocks[1].segment == 1);
}

TEST_CASE("tracker_placement: what the tracker timed just before a block is of that block") {
  std::vector<tracked_scope> scopes = tracked_run();
  scopes.push_back({"device_sync", 27.9, 28.5, 0, R"(, "sync_type": "interactive_timestep_prep")"});
  const auto paths = paths_of(parse_tracker(comprehensive_file(scopes), "t.json"));
  CHECK(paths.at("temporal_block > interactive_timestep_prep").count == 1);
}

TEST_CASE(
    "tracker_reader: a call in a like call is left out, in one of another time step it stays") {
  std::vector<tracked_scope> scopes = tracked_run();
  scopes.push_back(
      {"diffusion_forward", 34, 40, 0, R"(, "operation": "forward", "timestep": 500.0)"});
  const recording run = parse_tracker(comprehensive_file(scopes), "t.json");
  const std::string step = "temporal_block > interactive_denoising_step_final > ";
  CHECK(paths_of(run).at(step + "diffusion_forward > diffusion_forward").count == 1);
  CHECK(run.run.count("left_out") == 0);
}

TEST_CASE("tracker_placement: a scope whose host went on before its device lasts as long as that") {
  const std::string text =
      all_replaced(comprehensive_file(), "\"cpu_time_ms\": 25.500000", "\"cpu_time_ms\": 1.0");
  CHECK(paths_of(parse_tracker(text, "t.json")) == paths_of_the_run);
}

TEST_CASE("tracker_placement: summaries that do not fit are in no sum") {
  std::string text = interactive_file();
  const std::string once = "\"text_encoder\": ";
  const std::size_t at = text.find(once) + once.size();
  text.replace(at, text.find(", \"vae_decode\"", at) - at, statistics_text({70}));
  const auto longer = paths_of(parse_tracker(text, "t.json"));
  CHECK(longer.count("interactive_text_encoding > text_encoder") == 0);  // 70 ms in 10
  const recording twice =
      parse_tracker(all_replaced(interactive_file(), "{\"mean_ms\": 18.000000, \"count\": 1}",
                                 "{\"mean_ms\": 18.000000, \"count\": 2}"),
                    "t.json");
  CHECK(paths_of(twice).count("temporal_block > prompt_switch_total > prompt_switch_recache") == 0);
  CHECK(components_of(twice).at("prompt_switch_recache").size() == 1);
}

TEST_CASE(
    "tracker_reader: Python's numbers that JSON does not know are absent, in texts they stay") {
  for (const char* number : {"NaN", "Infinity", "-Infinity"}) {
    const recording run = parse_tracker(all_replaced(frames_file(), "82.98", number), "t.json");
    CHECK(run.async_spans.empty());
    CHECK(run.hygiene.dropped_spans == 1);
  }
  const recording named =
      parse_tracker(all_replaced(comprehensive_file(), "cuda:0", "NaN \\\" -Infinity"), "t.json");
  CHECK(std::get<std::string>(named.run.at("device")) == "NaN \" -Infinity");
}

TEST_CASE("tracker_placement: a block's segment is the one that its scopes name") {
  const recording run = parse_tracker(
      all_replaced(comprehensive_file(), "\"segment_idx\": 0", "\"segment_idx\": 2"), "t.json");
  CHECK(run.blocks[0].segment == 2);
}

TEST_CASE("tracker_placement: a switch that recaches less than there was shows the window") {
  const recording run = parse_tracker(
      all_replaced(comprehensive_file(), "\"num_recache_frames\": 3", "\"num_recache_frames\": 2"),
      "t.json");
  CHECK(run.switches[0].recached_latent_frames == 2);
  CHECK(run.blocks[1].window_latent_frames == 2);
  CHECK(std::get<std::string>(run.run.at("attention_window")) ==
        "2 latent frames, by what switches recached");
}

TEST_CASE("tracker_placement: decoding without times ends where its post-processing begins") {
  std::vector<tracked_scope> scopes = tracked_run();
  scopes.push_back({"device_sync", 165, 167, 1, R"(, "sync_type": "interactive_vae_input_prep")"});
  const recording run = parse_tracker(tracker_statistics_text(scopes), "t.json");
  std::int64_t decode_end_ns = 0, prepared_ns = 0, postprocess_ns = 0;
  for (const span& s : run.spans) {
    if (run.name_of(s) == "interactive_vae_decode") decode_end_ns = s.end_ns;
    if (run.name_of(s) == "interactive_vae_input_prep") prepared_ns = s.end_ns;
    if (run.name_of(s) == "interactive_vae_postprocess") postprocess_ns = s.start_ns;
  }
  CHECK(prepared_ns > 0);
  CHECK(decode_end_ns > prepared_ns);
  CHECK(decode_end_ns <= postprocess_ns);
}

TEST_CASE("tracker_placement: a block without a context pass ends with its last scope") {
  std::vector<tracked_scope> scopes;
  for (const tracked_scope& scope : tracked_run())
    if (scope.more.find("interactive_kv_cache_update") == std::string::npos &&
        scope.more.find("\"timestep\": 0.0") == std::string::npos)
      scopes.push_back(scope);
  const auto paths = paths_of(parse_tracker(comprehensive_file(scopes), "t.json"));
  CHECK(paths.at("temporal_block > interactive_denoising_step_final").count == 2);
  CHECK(paths.at("temporal_block > interactive_block_input_prep").count == 2);
}

TEST_CASE("tracker_placement: what began long before a block is not of it") {
  std::vector<tracked_scope> scopes = tracked_run();
  scopes.push_back({"device_sync", 21, 29.9, 0, R"(, "sync_type": "interactive_timestep_prep")"});
  const auto paths = paths_of(parse_tracker(comprehensive_file(scopes), "t.json"));
  CHECK(paths.at("interactive_timestep_prep").count == 1);
  CHECK(paths.count("temporal_block > interactive_timestep_prep") == 0);
}

TEST_CASE("tracker_placement: summaries that count too many scopes together are refused") {
  const std::string many = R"({"count": 200000, "gpu_timing": {"total_ms": 1.0}})";
  CHECK_THROWS_WITH(
      (void)parse_tracker(R"({"component_breakdown": {"x": )" + many + R"(, "y": )" + many + "}}",
                          "t.json"),
      "t.json: component_breakdown/y: counts 200000 scopes, more than any run has");
}
