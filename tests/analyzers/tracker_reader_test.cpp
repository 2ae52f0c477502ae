#include "analyzers/timeline/tracker_reader.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "analyzers/timeline/reader.hpp"
#include "latency/error.hpp"
#include "latency/span_tree.hpp"
#include "latency/statistics.hpp"
#include "tests/analyzers/tracker_paths.hpp"
#include "tests/analyzers/tracker_text.hpp"
#include "tests/temporary_folder.hpp"

using namespace latency_test;
using latency::parse_tracker;
using latency::recording;
using latency::span;

namespace {

std::string refusal(const std::string& text) {
  try {
    (void)parse_tracker(text, "t.json");
  } catch (const latency::error& refused) {
    return refused.what();
  }
  return "accepted";
}

std::int64_t start_of(const recording& run, const std::string& name) {
  for (const span& s : run.spans)
    if (run.name_of(s) == name) return s.start_ns;
  return -1;
}

void check_blocks(const recording& run) {
  REQUIRE(run.blocks.size() == 2);
  CHECK(run.blocks[0].switched == 0);
  CHECK(run.blocks[1].switched == 1);
  CHECK(run.blocks[1].segment == 1);
  CHECK(run.blocks[1].first_latent_frame == 3);
  CHECK(run.blocks[1].latent_frames == 3);
  CHECK(run.blocks[1].cached_latent_frames == 3);
  // The switch delays the block after it, whatever block the tracker filed it under.
  const span* const first = find(run, run.blocks[0].span);
  const span* const second = find(run, run.blocks[1].span);
  REQUIRE(first != nullptr);
  REQUIRE(second != nullptr);
  CHECK(first->end_ns - first->start_ns == 50 * ms);
  CHECK(second->end_ns - second->start_ns == 80 * ms);
  REQUIRE(run.switches.size() == 1);
  CHECK(find(run, run.switches[0].span)->parent == run.blocks[1].span);
  CHECK(run.switches[0].block == 1);
  CHECK(run.switches[0].segment == 1);
  CHECK(run.switches[0].latent_frame == 3);
  CHECK(run.switches[0].request_ns == find(run, run.switches[0].span)->start_ns);
  CHECK(run.switches[0].first_pixel_frame == 9);
}

}  // namespace

TEST_CASE("tracker_reader: the comprehensive shape keeps every time and nests what ran in what") {
  const recording run = parse_tracker(comprehensive_file(), "t.json");
  check_sound(run);
  check_blocks(run);
  CHECK(paths_of(run) == paths_of_the_run);
  CHECK(run.wall_ns == 195 * ms);  // 10 to 205 ms
  CHECK(start_of(run, "interactive_vae_decode") == 160 * ms);
  CHECK(start_of(run, "prompt_switch_recache") == 81 * ms);
  CHECK(run.switches[0].recached_latent_frames == 3);
  CHECK(run.blocks[1].window_latent_frames == 12);  // 3 of 3: what there was, not a window
  for (const span& s : run.spans)
    if (run.name_of(s) == "interactive_denoising_step_final")
      CHECK(run.integer_attribute(s.attributes, run.strings.find("segment"), -1) ==
            (s.start_ns < 100 * ms ? 0 : 1));
  CHECK(run.clock.kind == "perf_counter");
  CHECK(std::get<std::string>(run.run.at("start_times")) == "from the file");
  CHECK(std::get<std::string>(run.run.at("device")) == "cuda:0");
  // One gap is NaN: it is missing, and said to be.
  CHECK(components_of(run).at("inter_frame_latency") ==
        std::vector<std::int64_t>{10'000, 82'980'000});
  CHECK(run.hygiene.dropped_spans == 1);
}

TEST_CASE("tracker_reader: the interactive shape gives the same spans from its summaries") {
  const recording run = parse_tracker(interactive_file(), "t.json");
  check_sound(run);
  check_blocks(run);
  CHECK(paths_of(run) == paths_of_the_run);
  // Decoding, of which no time is known, ended where its post-processing began.
  CHECK(start_of(run, "interactive_vae_postprocess") -
            (start_of(run, "interactive_vae_decode") + 30 * ms) ==
        0);
  const auto gaps = components_of(run).at("inter_frame_latency");
  CHECK(gaps.size() == 5);
  CHECK(latency::summarize(gaps).p95 / 1e6 ==
        doctest::Approx(latency::summarize(std::vector{0.01, 0.01, 83.0, 0.02, 0.01}).p95));
  CHECK(run.run.count("durations_by_statistics") == 1);
}

TEST_CASE("tracker_reader: durations that stand in have every figure of their summary") {
  std::vector<double> gaps_ms;
  for (int i = 0; i < 300; ++i) gaps_ms.push_back(i < 280 ? 0.01 * i : 50 + i * i * 0.001);
  std::string text = interactive_file();
  const std::string member = "\"inter_frame_latency\": ";
  const std::size_t at = text.find(member) + member.size();
  text.replace(at, text.find("}}", at) + 2 - at, statistics_text(gaps_ms));
  const auto made =
      latency::summarize(components_of(parse_tracker(text, "t.json")).at("inter_frame_latency"));
  const latency::summary kept = latency::summarize(gaps_ms);
  CHECK(made.n == 300);
  CHECK(made.mean / 1e6 == doctest::Approx(kept.mean));
  CHECK(made.min / 1e6 == doctest::Approx(kept.min));
  CHECK(made.p50 / 1e6 == doctest::Approx(kept.p50));
  CHECK(made.p95 / 1e6 == doctest::Approx(kept.p95));
  CHECK(made.p99 / 1e6 == doctest::Approx(kept.p99));
  CHECK(made.max / 1e6 == doctest::Approx(kept.max));
}

TEST_CASE("tracker_reader: a file of two prompts has two clips, and calls recorded twice once") {
  std::vector<tracked_scope> both = tracked_run();
  for (tracked_scope scope : tracked_run()) {
    scope.start_ms += 300;
    scope.end_ms += 300;
    both.push_back(scope);
    if (scope.component != "diffusion_forward" && scope.component != "text_encoder" &&
        scope.component != "vae_decode")
      continue;
    scope.start_ms += 0.25;  // the call that the outer wrapper wraps
    scope.end_ms -= 0.25;
    both.push_back(scope);
  }
  std::string text = comprehensive_file(both);
  // Blocks 0 and 1 again, with the second prompt's events.
  const std::string statistics = tracker_statistics_text(tracked_run());
  std::vector<tracked_scope> later;
  for (tracked_scope scope : tracked_run()) {
    scope.start_ms += 300;
    scope.end_ms += 300;
    later.push_back(scope);
  }
  const std::string again = tracker_statistics_text(later);
  const std::string begins = "\"block_analysis\": [", ends = "], \"cross_vs";
  const auto blocks_of = [&](const std::string& of) {
    const std::size_t at = of.find(begins) + begins.size();
    return of.substr(at, of.find(ends) - at);
  };
  const std::size_t at = text.find(begins) + begins.size();
  text.replace(at, text.find(ends) - at, blocks_of(statistics) + ", " + blocks_of(again));
  const std::string total = R"({"segment_idx": 1, "total_ms": 30.0}, )";
  text.insert(text.find("{\"segment_idx\": 1, \"frame_idx\""), total);

  const recording run = parse_tracker(text, "t.json");
  check_sound(run);
  CHECK(run.blocks.size() == 4);
  std::map<std::string, counted> doubled = paths_of_the_run;
  for (auto& [path, of] : doubled) of = {2 * of.count, 2 * of.sum_ns};
  CHECK(paths_of(run) == doubled);
  std::int64_t roots = 0;
  for (const span& s : run.spans) roots += s.parent == 0;
  CHECK(roots == 2);
  CHECK(std::get<std::string>(run.run.at("left_out")) ==
        "diffusion_forward x 5, text_encoder x 1, vae_decode x 1 (the same calls, recorded again)");
}

TEST_CASE("tracker_reader: completions of latent frames make blocks where their size is known") {
  const recording run = parse_tracker(enhanced_file(), "t.json");
  check_sound(run);
  REQUIRE(run.blocks.size() == 2);
  CHECK(paths_of(run) == std::map<std::string, counted>{{"temporal_block", {2, 133'020'000}}});
  CHECK(find(run, run.blocks[0].span)->end_ns == 50'020'000);
  CHECK(run.blocks[1].first_latent_frame == 3);
  REQUIRE(run.async_spans.size() == 1);
  CHECK(run.async_spans[0].end_ns == 133 * ms);
  CHECK(run.async_spans[0].end_ns - run.async_spans[0].start_ns == 82'980'000);
}

TEST_CASE("tracker_reader: completions alone are one span and their gaps") {
  const recording run = parse_tracker(frames_file(), "t.json");
  check_sound(run);
  CHECK(run.blocks.empty());
  CHECK(paths_of(run) == std::map<std::string, counted>{{"latent_frames", {1, 133'020'000}}});
  CHECK(run.async_spans.size() == 1);
}

TEST_CASE("tracker_reader: what cannot be placed is in no sum") {
  std::string text = interactive_file();
  // As in files of later prompts: three text encoders in one text encoding.
  const std::string once = "\"text_encoder\": ";
  const std::size_t at = text.find(once) + once.size();
  const std::size_t end = text.find(", \"vae_decode\"", at);
  text.replace(at, end - at, statistics_text({7, 6, 8}));
  const recording run = parse_tracker(text, "t.json");
  check_sound(run);
  CHECK(paths_of(run).count("interactive_text_encoding > text_encoder") == 0);
  CHECK(components_of(run).at("text_encoder").size() == 3);
  CHECK(run.async_spans.size() == 5 + 3);
}

TEST_CASE("tracker_reader: events without a clock are laid end to end, and the run says so") {
  const std::string text = all_replaced(interactive_file(), "\"timestamp\"", "\"unclocked\"");
  const recording run = parse_tracker(text, "t.json");
  check_sound(run);
  CHECK(run.clock.kind == "none");
  CHECK(std::get<std::string>(run.run.at("start_times")) ==
        "none in the file: laid end to end, in order");
  const auto components = components_of(run);
  CHECK(components.at("kv_operations").size() == 4);
  CHECK(components.at("diffusion_forward").size() == 5);  // beside the sums: in what, nobody knows
  CHECK(run.switches.size() == 1);
}

TEST_CASE("tracker_reader: what is no such file is refused with its place") {
  CHECK(refusal("{\"a\": 1}") ==
        "t.json: is no file of the older LongLive tracker: it has none of its tables");
  CHECK(refusal("[1]").rfind("t.json: byte 0: ", 0) == 0);
  CHECK(refusal(R"({"block_analysis": {}})").rfind("t.json: /block_analysis: ", 0) == 0);
  CHECK(refusal(R"({"block_analysis": [1]})").rfind("t.json: byte ", 0) == 0);
  CHECK(refusal(R"({"frame_times": [{"frame_idx": tru}]})").rfind("t.json: byte ", 0) == 0);
  CHECK(refusal(R"({"component_breakdown": {"x": {"count": 1e12}}})") ==
        "t.json: component_breakdown/x: counts 1000000000000 scopes, more than any run has");
  const std::string whole = comprehensive_file();
  for (std::size_t size = 0; size < whole.size(); size += 97)
    CHECK(refusal(whole.substr(0, size)).rfind("t.json: ", 0) == 0);
}

TEST_CASE("tracker_reader: a file that the tracker wrote reads as its own statistics") {
  const char* const named = std::getenv("LATENCY_SHARED_FIXTURES");
  const std::filesystem::path file =
      (named != nullptr ? std::filesystem::path(named)
                        : std::filesystem::path(LATENCY_SOURCE_DIR) / "../shared/fixtures") /
      "legacy/interactive_timing_analysis_rank0_prompt0.json";
  if (!std::filesystem::exists(file)) {
    MESSAGE("skipped: no shared fixtures here (LATENCY_SHARED_FIXTURES)");
    return;
  }
  const recording run = latency::open_recording(file.string());
  check_sound(run);
  const auto components = components_of(run);
  const std::map<std::string, std::size_t> counts = {{"device_sync", 802},
                                                     {"diffusion_forward", 405},
                                                     {"interactive_denoising_step", 240},
                                                     {"interactive_denoising_step_final", 80},
                                                     {"kv_operations", 90},
                                                     {"text_encoder", 6},
                                                     {"interactive_text_encoding", 6},
                                                     {"inter_frame_latency", 234},
                                                     {"prompt_switch_kv_reset", 5},
                                                     {"prompt_switch_recache", 5},
                                                     {"prompt_switch_total", 5},
                                                     {"attention_kernel", 5},
                                                     {"vae_decode", 1},
                                                     {"interactive_vae_decode", 1}};
  for (const auto& [component, count] : counts) CHECK(components.at(component).size() == count);
  CHECK(components.size() == counts.size() + 2);  // temporal_block, interactive_inference
  const auto of = [&](const char* component) {
    return latency::summarize(components.at(component));
  };
  CHECK(of("prompt_switch_recache").mean / 1e6 == doctest::Approx(637.707).epsilon(1e-6));
  CHECK(of("prompt_switch_total").mean / 1e6 == doctest::Approx(654.855).epsilon(1e-6));
  CHECK(of("prompt_switch_total").p50 / 1e6 == doctest::Approx(653.093).epsilon(1e-6));
  CHECK(of("vae_decode").mean / 1e6 == doctest::Approx(31082.396484375).epsilon(1e-10));
  CHECK(of("inter_frame_latency").p50 / 1e6 == doctest::Approx(0.0107).epsilon(0.2));

  // Blocks of the file are without their switch.
  REQUIRE(run.blocks.size() == 80);
  std::vector<std::int64_t> blocks_ns;
  for (const latency::block& b : run.blocks) {
    const span* const whole = find(run, b.span);
    std::int64_t block_ns = whole->end_ns - whole->start_ns;
    for (const latency::prompt_switch& s : run.switches)
      if (s.block == b.index) {
        const span* const delay = find(run, s.span);
        CHECK(delay->parent == b.span);
        block_ns -= delay->end_ns - delay->start_ns;
      }
    blocks_ns.push_back(block_ns);
  }
  CHECK(latency::summarize(blocks_ns).p50 / 1e6 == doctest::Approx(856.54).epsilon(1e-5));
  CHECK(latency::summarize(blocks_ns).mean * 80 / 1e6 == doctest::Approx(68099.13).epsilon(1e-7));
  std::vector<std::int32_t> switched;
  for (const latency::prompt_switch& s : run.switches) switched.push_back(s.block);
  CHECK(switched == std::vector<std::int32_t>{14, 27, 40, 54, 67});
  // Each component's time once: forwards are in steps, context passes and recaches.
  const auto paths = paths_of(run);
  CHECK(paths.at("temporal_block > interactive_kv_cache_update").count == 80);
  CHECK(paths.at("temporal_block > prompt_switch_total > prompt_switch_recache > diffusion_forward")
            .count == 5);
}
