// The device half of a Chrome trace: ops, windows and marks on streams, and arrows from launches.
#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sample_recording.hpp"
#include "written_trace.hpp"

using latency::recording;
using latency_test::events;
using latency_test::find_event;
using latency_test::sample_recording;
using latency_test::track_names;
using latency_test::track_of;
using latency_test::written;
using nlohmann::json;

namespace {

json find_category(const json& trace, const std::string& category, const std::string& name) {
  for (const json& event : trace.at("traceEvents"))
    if (event.contains("cat") && event.at("cat") == category && event.at("name") == name)
      return event;
  FAIL("no ", category, " of that name: ", name);
  return {};
}

}  // namespace

TEST_CASE("chrome_trace: device ops carry kind, launch, span and size") {
  const json trace = json::parse(written(sample_recording()));
  const std::vector<json> slices = events(trace, "X");
  const json kernel = find_event(slices, "gemm<float, 4>");
  CHECK(kernel.at("cat") == "kernel");
  CHECK(kernel.at("args") ==
        json{{"span", "step"}, {"correlation", 70}, {"device", 0}, {"stream", 7}});
  const json copy = find_event(slices, "copy");
  CHECK(copy.at("cat") == "gpu_memcpy");
  CHECK(copy.at("args") == json{{"span", "step"},
                                {"correlation", 71},
                                {"device", 0},
                                {"stream", 7},
                                {"bytes", 4096},
                                {"direction", "host_to_device"},
                                {"graph_node", 8},
                                {"replay", 9},
                                {"captured_in", "generate > block"}});
  CHECK(track_of(trace, copy) == "stream 7, lane 2");  // runs while the kernel does
  CHECK(std::count_if(slices.begin(), slices.end(), [](const json& e) {
          return e.at("cat") == "gpu_memset" && e.at("args").at("unattributed") == "no_open_span";
        }) == 1);
}

TEST_CASE("chrome_trace: an arrow leads from a launch to the first op that it caused") {
  recording run = sample_recording();
  run.device_ops[3].correlation = 71;  // a graph: two ops of one launch, the later one listed later
  run.device_ops[4].correlation = 71;
  run.device_ops[4].start_ns = 1420;
  const json trace = json::parse(written(run));
  std::map<int, json> starts, ends;
  for (const json& event : events(trace, "s"))
    CHECK(starts.try_emplace(event.at("id"), event).second);
  for (const json& event : events(trace, "f"))
    CHECK(ends.try_emplace(event.at("id"), event).second);
  REQUIRE(starts.size() == 2);
  REQUIRE(ends.size() == 2);
  CHECK(starts.at(70).at("ts") == 1.25);
  CHECK(track_of(trace, starts.at(70)) == "main");
  CHECK(ends.at(70).at("ts") == 1.4);
  CHECK(track_of(trace, ends.at(70)) == "stream 7");
  CHECK(ends.at(71).at("ts") == 1.42);
  CHECK(ends.at(71).at("pid") == 3);
  CHECK(ends.at(71).at("bp") == "e");
}

TEST_CASE("chrome_trace: without API calls there are no arrows") {
  recording run = sample_recording();
  run.api_calls.clear();
  CHECK(events(json::parse(written(run)), "f").empty());
}

TEST_CASE("chrome_trace: a window stands below its stream's ops, and names its span") {
  const json trace = json::parse(written(sample_recording()));
  const json window = find_category(trace, "event_window", "step");
  CHECK(window.at("ts") == 1.41);
  CHECK(window.at("dur") == 0.28);
  CHECK(window.at("pid") == 2);
  CHECK(track_of(trace, window) == "stream 7, windows");
  CHECK(window.at("args") == json{{"span", "step"}, {"resolution_ns", 500}});
  const json of_a_replay = find_category(trace, "event_window", "decode \"x\"");
  CHECK(of_a_replay.at("pid") == 3);
  CHECK(of_a_replay.at("args").at("replay") == 9);
  CHECK(of_a_replay.at("args").at("last_replay") == 1);
}

TEST_CASE("chrome_trace: windows within windows share a line, the outer first; others get lanes") {
  recording run;
  const auto outer = run.strings.add("outer"), inner = run.strings.add("inner"),
             late = run.strings.add("late"), wrong = run.strings.add("wrong");
  run.event_windows = {{100, 200, 2, 0, inner, 0, 1, 61},
                       {100, 200, 1, 0, outer, 0, 1, 61},
                       {150, 300, 3, 0, late, 0, 1, 61},
                       {400, 390, 4, 0, wrong, 0, 1, 61}};
  const json trace = json::parse(written(run));
  const std::vector<json> slices = events(trace, "X");
  REQUIRE(slices.size() == 4);
  CHECK(slices[0].at("name") == "outer");
  CHECK(slices[1].at("name") == "inner");
  CHECK(slices[1].at("tid") == slices[0].at("tid"));
  CHECK(track_of(trace, slices[2]) == "stream 1, windows, lane 2");
  CHECK(slices[3].at("cat") == "event_window,reversed");
  CHECK(slices[3].at("dur") == 0.0);
  CHECK(slices[3].at("args") == json{{"resolution_ns", 61}});  // its span was not recorded
}

TEST_CASE("chrome_trace: below a replay stand the spans in which its nodes were captured") {
  recording run;
  const auto launch = run.strings.add("token"), layer = run.strings.add("layer"),
             norm = run.strings.add("norm"), kernel = run.strings.add("k");
  run.spans = {{5, 0, 0, 900, launch, 0, 0, {}},
               {6, 0, 10, 20, layer, 0, 0, {}},
               {7, 0, 20, 30, layer, 0, 0, {}}};
  run.threads = {{"main", 1}};
  run.span_paths = {{-1, layer}, {0, norm}};
  // Two layers, told apart by their spans; a norm that is known by its path; an unknown node.
  run.graph_nodes = {{1, 6, 0, {}},
                     {2, 7, 0, {}},
                     {3, 0, 1, {}},
                     {4, 0, -1, latency::capture_reason::unknown_node}};
  const auto add = [&](std::uint64_t node, std::int64_t start_ns, std::int64_t end_ns) {
    latency::device_op op;
    op.start_ns = start_ns, op.end_ns = end_ns;
    op.span = 5, op.graph_node = node, op.replay = 9, op.name = kernel;
    run.device_ops.push_back(op);
  };
  add(1, 100, 200), add(1, 200, 250), add(2, 260, 300), add(3, 320, 400), add(4, 420, 500);
  const json trace = json::parse(written(run));
  std::vector<json> found;
  for (const json& e : events(trace, "X"))
    if (e.at("cat") == "graph_replay") found.push_back(e);
  REQUIRE(found.size() == 5);
  const auto check = [&](const json& e, const char* name, double ts, double dur) {
    CHECK(e.at("name") == name);
    CHECK(e.at("ts") == ts);
    CHECK(e.at("dur") == dur);
    CHECK(track_of(trace, e) == "stream 0, replays");
  };
  check(found[0], "graph replay", 0.1, 0.4);
  CHECK(found[0].at("args") == json{{"span", "token"}, {"replay", 9}});
  check(found[1], "layer", 0.1, 0.15);
  CHECK(found[1].at("args") == json{{"replay", 9}});
  check(found[2], "layer", 0.26, 0.04);
  check(found[3], "layer", 0.32, 0.08);  // of no span that is known
  check(found[4], "norm", 0.32, 0.08);
  CHECK(find_category(trace, "kernel", "k").at("args").at("captured_in") == "layer");
  int unknown = 0;
  for (const json& e : events(trace, "X"))
    unknown += e.at("args").value("not_captured", "") == "unknown_node" ? 1 : 0;
  CHECK(unknown == 1);
}

TEST_CASE("chrome_trace: a mark is an instant on the track of its stream") {
  recording run = sample_recording();
  run.marks.push_back({1500, 43, 0, run.marks[0].name, 0, 7});
  const json trace = json::parse(written(run));
  const std::vector<json> instants = events(trace, "i");
  std::vector<json> marks;
  std::copy_if(instants.begin(), instants.end(), std::back_inserter(marks),
               [](const json& e) { return e.at("cat") == "mark"; });
  REQUIRE(marks.size() == 2);
  CHECK(marks[0].at("ts") == 1.5);
  CHECK(track_of(trace, marks[0]) == "stream 7");  // beside the stream's ops
  CHECK(marks[0].at("args") == json{{"index", 43}});
  CHECK(track_of(trace, marks[1]) == "stream 13");  // a stream with nothing else
  CHECK(marks[1].at("s") == "t");
  CHECK(marks[1].at("args") == json{{"index", 42}, {"span", "step"}});
}

TEST_CASE("chrome_trace: windows and marks before the session move the start of the trace, too") {
  recording run;
  const auto name = run.strings.add("early");
  run.marks = {{-2000, 1, 0, name, 0, 1}};
  CHECK(events(json::parse(written(run)), "i")[0].at("ts") == 0.0);
  run.event_windows = {{-3000, -1000, 0, 0, name, 0, 1, 61}};
  const json trace = json::parse(written(run));
  CHECK(events(trace, "i")[0].at("ts") == 1.0);
  CHECK(events(trace, "X")[0].at("ts") == 0.0);
}
