#include "analyzers/render/tracker_export.hpp"

#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "analyzers/timeline/reader.hpp"
#include "analyzers/timeline/tracker_reader.hpp"
#include "latency/error.hpp"
#include "latency/span_tree.hpp"

using latency::recording;
using latency::render::to_tracker_json;

namespace {

recording example() {
  return latency::open_recording(LATENCY_SOURCE_DIR "/tests/data/timing/two_segments.json");
}

// Count and sum by name.
std::map<std::string, std::pair<std::int64_t, std::int64_t>> names_of(const recording& run) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> result;
  for (const latency::span& s : run.spans) {
    auto& [count, sum_ns] = result[run.name_of(s)];
    ++count;
    sum_ns += s.end_ns - s.start_ns;
  }
  return result;
}

}  // namespace

TEST_CASE("tracker_export: what is written reads back as the same spans, blocks and switches") {
  const recording run = example();
  const std::string text = to_tracker_json(run);
  const recording back = latency::parse_tracker(text, "t.json");
  auto wanted = names_of(run), got = names_of(back);
  wanted.erase("interactive_inference");  // as long as what is in it
  got.erase("interactive_inference");
  CHECK(wanted == got);
  CHECK(back.hygiene.dropped_spans == 0);
  const latency::span_tree tree(back);
  for (const auto& node : tree.nodes()) CHECK(node.problems == 0);
  REQUIRE(back.blocks.size() == run.blocks.size());
  for (std::size_t i = 0; i < run.blocks.size(); ++i) {
    CHECK(back.blocks[i].segment == run.blocks[i].segment);
    CHECK(back.blocks[i].first_latent_frame == run.blocks[i].first_latent_frame);
    CHECK(back.blocks[i].switched == run.blocks[i].switched);
  }
  REQUIRE(back.switches.size() == 1);
  CHECK(back.switches[0].block == run.switches[0].block);
  CHECK(back.switches[0].recached_latent_frames == run.switches[0].recached_latent_frames);
}

TEST_CASE("tracker_export: the keys and the places are those that old scripts look for") {
  const auto file = nlohmann::json::parse(to_tracker_json(example()));
  const auto& statistics = file.at("comprehensive_statistics");
  CHECK(statistics.at("configuration").at("total_frames") == 18);
  const auto& forward = statistics.at("component_breakdown").at("diffusion_forward");
  CHECK(forward.at("count") == 19);  // 3 in each of 6 blocks, and the recache
  CHECK(forward.at("gpu_timing").at("total_ms") == doctest::Approx(534));
  CHECK(forward.at("cpu_timing").at("total_ms") == doctest::Approx(534));
  CHECK(file.at("component_timings").at("kv_operations").size() == 6 + 2);
  CHECK(file.at("component_timings").at("attention_kernel").at(0).at("operation") ==
        "prompt_switch_mask_prep");
  // The switch before block 3 stands under block 2, and is not in the time of either.
  const auto& blocks = statistics.at("block_analysis");
  CHECK(blocks.at(2).at("component_timings").at("diffusion_forward").size() == 4);
  CHECK(blocks.at(2).at("component_timings").at("kv_operations").size() == 3);
  CHECK(blocks.at(2).at("component_timings").count("prompt_switch_recache") == 0);
  CHECK(blocks.at(3).at("total_time_ms") == doctest::Approx(100));
  CHECK(blocks.at(3).at("frame_range") == nlohmann::json({9, 11}));
  const auto& total = file.at("component_timings").at("prompt_switch_total").at(0);
  CHECK(total.at("total_ms") == doctest::Approx(40));
  CHECK(total.at("cache_reset_ms") == doctest::Approx(5));
  CHECK(total.at("recache_forward_ms") == doctest::Approx(25));
  CHECK(file.at("frame_times").size() == 18);
  CHECK(file.at("component_timings").at("inter_frame_latency").size() == 17);
}

TEST_CASE("tracker_export: device windows are the GPU time where there are any") {
  recording run = example();
  for (const latency::span& s : run.spans)
    if (run.name_of(s) == "prompt_switch_recache") {
      latency::event_window window;
      window.span = s.id;
      window.end_ns = 7'000'000;
      run.event_windows.push_back(window);
      window.replay = 5;  // of a graph: no time of the span itself
      run.event_windows.push_back(window);
    }
  const auto file = nlohmann::json::parse(to_tracker_json(run));
  const auto& recache = file.at("component_timings").at("prompt_switch_recache").at(0);
  CHECK(recache.at("gpu_time_ms") == doctest::Approx(7));
  CHECK(recache.at("cpu_time_ms") == doctest::Approx(25));
}

TEST_CASE("tracker_export: a recording without spans has nothing to export") {
  recording run;
  run.source = "empty.json";
  CHECK_THROWS_WITH_AS((void)to_tracker_json(run), "empty.json: holds no spans to export",
                       latency::error);
}

TEST_CASE("tracker_export: a name that would be repeated in every event has a limit") {
  recording run = example();
  run.source = "long.json";
  run.spans.front().name = run.strings.add(std::string(1024, 'n'));
  CHECK_NOTHROW((void)to_tracker_json(run));
  run.spans.front().name = run.strings.add(std::string(1025, 'n'));
  CHECK_THROWS_WITH_AS((void)to_tracker_json(run),
                       "long.json: spans: a name too long for a file of the older tracker",
                       latency::error);
}
