#include "analyzers/analysis/timeline_pyramid.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <numeric>

#include "analyzers/analysis/timeline_lanes.hpp"
#include "tests/analyzers/random_run.hpp"
#include "tests/analyzers/recording_builder.hpp"

using namespace latency;
using namespace latency::analysis;
using latency::test::ms;
using latency::test::recording_builder;

namespace {

timeline_pyramid timeline(const recording& run, std::size_t budget) {
  return make_timeline(run, span_tree(run), {}, budget);
}

std::int64_t items(const timeline_level& level) {
  return std::accumulate(
      level.lanes.begin(), level.lanes.end(), std::int64_t{0},
      [](std::int64_t n, const auto& lane) { return n + static_cast<std::int64_t>(lane.size()); });
}

device_op op(std::int64_t start_ms, std::int64_t end_ms, string_id name, std::uint32_t stream) {
  device_op result;
  result.start_ns = start_ms * ms;
  result.end_ns = end_ms * ms;
  result.name = name;
  result.stream = stream;
  return result;
}

}  // namespace

TEST_CASE("timeline: spans stand by thread and depth, device ops side by side where they overlap") {
  recording_builder made(100);
  const span_id root = made.span("root", 0, 10, 90);
  made.span("inner", root, 20, 40);
  made.span("inner", root, 50, 60);
  made.span("alone", 0, 5, 6, {}, made.thread("worker"));
  recording& run = made.run();
  const string_id kernel = run.strings.add("kernel<int>");
  run.device_ops = {op(40, 60, kernel, 7), op(30, 50, kernel, 7), op(60, 120, kernel, 7)};
  run.device_ops.push_back(op(70, 60, kernel, 7));  // reversed
  const timeline_pyramid made_timeline =
      make_timeline(run, span_tree(run), {{kernel, "kernel"}}, 1000);

  REQUIRE(made_timeline.tracks.size() == 3);
  CHECK(made_timeline.tracks[0].title == "main");
  CHECK(made_timeline.tracks[0].lanes == 2);
  CHECK(made_timeline.tracks[1].title == "worker");
  CHECK(made_timeline.tracks[2].title == "device 0, stream 7");
  CHECK(made_timeline.tracks[2].first_lane == 3);
  CHECK(made_timeline.tracks[2].lanes == 2);
  CHECK(made_timeline.intervals == 7);
  CHECK(made_timeline.not_shown == 1);
  CHECK(made_timeline.start_ns == 0);
  CHECK(made_timeline.end_ns == 120 * ms);

  const timeline_level& exact = made_timeline.levels.back();
  CHECK(exact.resolution_ns == 0);
  REQUIRE(exact.lanes.size() == 5);
  CHECK(exact.lanes[0][0].exclusive_ns == 50 * ms);
  REQUIRE(exact.lanes[1].size() == 2);
  CHECK(exact.lanes[1][1].start_ns == 50 * ms);
  CHECK(exact.lanes[3].size() == 2);  // 30..50, 60..120
  CHECK(exact.lanes[4].size() == 1);
  CHECK(made_timeline.names[exact.lanes[4][0].name] == "kernel");
}

// Two replays of one graph: nodes 1 and 2 captured in "layer" > "qk" and in "layer", node 3 in no
// span. In the second replay another stream runs node 2 beside the others.
TEST_CASE("timeline: replays stand like spans, by depth, below the stream that ran them") {
  recording_builder made(100);
  const span_id token = made.span("token", 0, 0, 50);
  recording& run = made.run();
  const string_id kernel = run.strings.add("kernel");
  run.span_paths = {{-1, run.strings.add("layer")}, {0, run.strings.add("qk")}};
  const auto captured = [&](std::uint64_t node, std::int32_t path) {
    graph_node row;
    row.node = node;
    row.path = path;
    run.graph_nodes.push_back(row);
  };
  captured(1, 1);
  captured(2, 0);
  captured(3, -1);
  const auto replayed = [&](std::uint64_t replay, std::uint64_t node, std::int64_t start_ms,
                            std::int64_t end_ms, std::uint32_t stream) {
    device_op row = op(start_ms, end_ms, kernel, stream);
    row.span = token;
    row.replay = replay;
    row.graph_node = node;
    run.device_ops.push_back(row);
  };
  replayed(8, 1, 10, 12, 7);
  replayed(8, 2, 12, 15, 7);
  replayed(8, 3, 16, 18, 7);
  replayed(9, 1, 20, 22, 7);
  replayed(9, 2, 21, 26, 8);
  replayed(9, 3, 23, 24, 7);
  run.device_ops.push_back(op(30, 31, kernel, 7));  // eager

  const timeline_pyramid made_timeline = timeline(run, 1000);
  REQUIRE(made_timeline.tracks.size() == 5);
  CHECK(made_timeline.tracks[1].title == "device 0, stream 7");
  CHECK(made_timeline.tracks[2].title == "device 0, stream 8");
  const auto lanes_of = [&](std::size_t track) {
    std::vector<std::string> lanes;
    const timeline_track& of = made_timeline.tracks[track];
    for (std::size_t l = of.first_lane; l < of.first_lane + of.lanes; ++l) {
      std::string text;
      for (const timeline_item& i : made_timeline.levels.back().lanes[l])
        text += (text.empty() ? "" : ", ") + made_timeline.names[i.name] + " " +
                std::to_string(i.start_ns / ms) + "-" + std::to_string(i.end_ns / ms);
      lanes.push_back(text);
    }
    return lanes;
  };
  CHECK(made_timeline.tracks[3].title == "device 0, stream 7, replays");
  CHECK(std::string(to_string(made_timeline.tracks[3].kind)) == "graph replays");
  CHECK(lanes_of(3) == std::vector<std::string>{"graph replay 10-18, graph replay 20-24",
                                                "layer 10-15, layer 20-22", "qk 10-12, qk 20-22"});
  CHECK(made_timeline.tracks[4].title == "device 0, stream 8, replays");
  CHECK(lanes_of(4) == std::vector<std::string>{"graph replay 21-26", "layer 21-26"});
}

TEST_CASE(
    "timeline: captured spans of one depth that overlap stand side by side, inner ones below") {
  recording_builder made(100);
  recording& run = made.run();
  const string_id kernel = run.strings.add("kernel");
  run.span_paths = {
      {-1, run.strings.add("left")}, {-1, run.strings.add("right")}, {1, run.strings.add("inner")}};
  for (const std::uint64_t node : {1, 2}) {
    graph_node row;
    row.node = node;
    row.path = node == 1 ? 0 : 2;
    run.graph_nodes.push_back(row);
    run.device_ops.push_back(op(static_cast<std::int64_t>(node), 10, kernel, 7));
    run.device_ops.back().replay = 5;
    run.device_ops.back().graph_node = node;
  }
  const timeline_pyramid made_timeline = timeline(run, 1000);
  REQUIRE(made_timeline.tracks.size() == 2);
  const timeline_track& replays = made_timeline.tracks[1];
  REQUIRE(replays.lanes == 4);
  std::vector<std::string> names;
  for (std::size_t l = 0; l < 4; ++l)
    names.push_back(
        made_timeline.names[made_timeline.levels.back().lanes[replays.first_lane + l].at(0).name]);
  CHECK(names == std::vector<std::string>{"graph replay", "left", "right", "inner"});
}

// 2048 cells of 1 ms. In cell 0: b 0.5, a 0.2, a 0.2 ms; cell 1: one of 0.4; then one of 3 ms.
TEST_CASE("timeline: short spans of a cell become one item that knows what it stands for") {
  recording_builder made(2048);
  const auto add = [&](const char* name, std::int64_t start_us, std::int64_t length_us) {
    made.span(name, 0, 0, 0);
    span& row = made.run().spans.back();
    row.start_ns = start_us * 1000;
    row.end_ns = (start_us + length_us) * 1000;
  };
  add("b", 100, 500);
  add("a", 600, 200);
  add("a", 800, 200);
  add("c", 1500, 400);
  add("d", 2100, 3000);
  // All five fit, and three items instead of five would save too little.
  REQUIRE(timeline(made.run(), 10).levels.size() == 1);
  CHECK(timeline(made.run(), 10).levels[0].resolution_ns == 0);
  const timeline_pyramid small = timeline(made.run(), 4);
  REQUIRE(small.levels.size() == 1);
  CHECK(small.levels[0].resolution_ns == ms);
  const auto& lane = small.levels[0].lanes.at(0);
  REQUIRE(lane.size() == 3);
  CHECK(lane[0].start_ns == 100'000);
  CHECK(lane[0].end_ns == ms);
  CHECK(lane[0].count == 3);
  CHECK(lane[0].time_ns == 900'000);
  CHECK(lane[0].exclusive_ns == 900'000);
  CHECK(lane[0].most_ns == 500'000);
  CHECK(small.names[lane[0].name] == "b");
  CHECK(lane[1].count == 1);
  CHECK(lane[1].start_ns == 1'500'000);
  CHECK(lane[2].end_ns == 5'100'000);
}

TEST_CASE("timeline: the budget decides how fine the levels get, and each is finer than the last") {
  recording_builder made(1000);
  for (int i = 0; i < 5000; ++i) {
    made.span("x", 0, 0, 0);
    made.run().spans.back().start_ns = i * 200'000;
    made.run().spans.back().end_ns = i * 200'000 + 100'000;
  }
  const timeline_pyramid whole = timeline(made.run(), 20'000);
  REQUIRE(whole.levels.size() == 2);
  CHECK(whole.levels[0].resolution_ns == 1'000'000'000 / 2048);
  CHECK(items(whole.levels[0]) == 2048);
  CHECK(whole.levels[1].resolution_ns == 0);
  CHECK(items(whole.levels[1]) == 5000);
  const timeline_pyramid cut = timeline(made.run(), 3000);
  REQUIRE(cut.levels.size() == 1);
  CHECK(items(cut.levels[0]) == 2048);
}

TEST_CASE("timeline: at every level nothing is lost, nothing overlaps") {
  const auto check = [](const recording& run, std::size_t budget) {
    const timeline_pyramid made = timeline(run, budget);
    for (const timeline_level& level : made.levels) {
      std::int64_t count = 0;
      std::size_t number = 0;
      for (const timeline_track& track : made.tracks)
        for (std::size_t l = 0; l < track.lanes; ++l, ++number) {
          std::int64_t end_ns = made.start_ns;
          for (const timeline_item& item : level.lanes.at(number)) {
            RC_ASSERT(item.start_ns >= end_ns);
            RC_ASSERT(item.end_ns >= item.start_ns);
            RC_ASSERT(item.time_ns <= item.end_ns - item.start_ns);
            RC_ASSERT(item.exclusive_ns >= 0 && item.exclusive_ns <= item.time_ns);
            RC_ASSERT(item.most_ns >= 0 && item.most_ns <= item.time_ns);
            RC_ASSERT(item.name < made.names.size());
            if (level.resolution_ns == 0) RC_ASSERT(item.count == 1);
            end_ns = item.end_ns;
            count += item.count;
          }
        }
      RC_ASSERT(count == made.intervals);
    }
  };
  CHECK(rc::check("sound runs", [&](const std::vector<std::uint8_t>& script) {
    const recording run = test::sound_run(script);
    check(run, script.size() / 2);
    check(run, 10'000);
  }));
  CHECK(rc::check("absurd runs", [&](std::uint64_t seed) {
    recording run = test::absurd_run(seed);
    for (const span& s : run.spans) {
      run.device_ops.push_back(op(0, 0, s.name, static_cast<std::uint32_t>(s.id % 3)));
      run.device_ops.back().start_ns = s.start_ns;
      run.device_ops.back().end_ns = s.end_ns;
      run.device_ops.back().replay = s.id % 5;
      run.device_ops.back().graph_node = s.id % 7;
    }
    run.span_paths = {{-1, 0}, {0, 1}, {1, 0}};
    for (std::int32_t node = 1; node < 7; ++node) {
      graph_node row;
      row.node = static_cast<std::uint64_t>(node);
      row.path = node % 4 - 1;
      run.graph_nodes.push_back(row);
    }
    check(run, 20);
    check(run, 10'000);
  }));
}

TEST_CASE("timeline: tracks and names beyond the limits are counted") {
  recording_builder made(1000);
  for (int t = 0; t < 70; ++t) {
    const std::uint32_t thread = t == 0 ? 0 : made.thread("t");
    made.span("once", 0, 1, 2, {}, thread);
    if (t >= 10) made.span("twice", 0, 3, 4, {}, thread);
  }
  const timeline_pyramid threads = timeline(made.run(), 1000);
  CHECK(threads.tracks.size() == most_tracks);
  CHECK(threads.intervals == 60 * 2 + 4);
  CHECK(threads.not_shown == 6);

  recording_builder names(10'000);
  for (int i = 0; i < 5000; ++i) names.span("n" + std::to_string(i), 0, i, i + 1);
  const timeline_pyramid many = timeline(names.run(), 20'000);
  CHECK(many.names.size() == most_names);
  CHECK(many.names.back() == other_names);
}
