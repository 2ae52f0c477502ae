#include "latency/chrome_trace.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "sample_recording.hpp"
#include "written_trace.hpp"

using latency::recording;
using latency::strictly_nested;
using latency::trace_interval;
using latency_test::events;
using latency_test::find_event;
using latency_test::interval;
using latency_test::sample_recording;
using latency_test::track_names;
using latency_test::track_of;
using latency_test::written;
using nlohmann::json;

namespace {

std::map<std::pair<int, int>, std::vector<trace_interval>> tracks(const json& trace) {
  std::map<std::pair<int, int>, std::vector<trace_interval>> result;
  for (const json& event : events(trace, "X"))
    result[{event.at("pid"), event.at("tid")}].push_back(interval(event));
  return result;
}

bool overlap(const trace_interval& a, const trace_interval& b) {
  return a.start_ns < b.end_ns && b.start_ns < a.end_ns;
}
bool holds(const trace_interval& outer, const trace_interval& inner) {
  return outer.start_ns <= inner.start_ns && inner.end_ns <= outer.end_ns;
}
// The definition, pair by pair.
bool nested_by_pairs(const std::vector<trace_interval>& track) {
  for (std::size_t i = 0; i < track.size(); ++i)
    for (std::size_t j = i + 1; j < track.size(); ++j)
      if (overlap(track[i], track[j]) && !holds(track[i], track[j]) && !holds(track[j], track[i]))
        return false;
  return true;
}

rc::Gen<std::vector<trace_interval>> intervals() {
  return rc::gen::container<std::vector<trace_interval>>(
      rc::gen::map(rc::gen::pair(rc::gen::inRange(0, 30), rc::gen::inRange(0, 12)),
                   [](const std::pair<int, int>& p) {
                     return trace_interval{p.first, p.first + p.second};
                   }));
}

}  // namespace

TEST_CASE("chrome_trace: strictly_nested accepts nested and touching, refuses crossing") {
  CHECK(strictly_nested({}));
  CHECK(strictly_nested({{0, 10}, {0, 10}, {2, 5}, {5, 10}, {10, 12}, {10, 10}}));
  CHECK_FALSE(strictly_nested({{0, 10}, {5, 11}}));
  CHECK_FALSE(strictly_nested({{0, 10}, {2, 4}, {3, 5}}));
  CHECK_FALSE(strictly_nested({{3, 2}}));
}

TEST_CASE("chrome_trace: strictly_nested agrees with a check of every pair") {
  CHECK(rc::check([] {
    const std::vector<trace_interval> track = *intervals();
    RC_CLASSIFY(nested_by_pairs(track));
    RC_ASSERT(strictly_nested(track) == nested_by_pairs(track));
  }));
}

TEST_CASE("chrome_trace: ts and dur are microseconds with exactly three decimals") {
  const std::string text = written(sample_recording());
  const std::regex any("\"(ts|dur)\":([^,}]*)");
  const std::regex exact("-?[0-9]+\\.[0-9]{3}");
  int seen = 0;
  for (std::sregex_iterator i(text.begin(), text.end(), any), end; i != end; ++i, ++seen) {
    CAPTURE((*i)[0].str());
    CHECK(std::regex_match((*i)[2].str(), exact));
  }
  CHECK(seen == 62);
}

TEST_CASE("chrome_trace: a span keeps its name, times and attributes") {
  const json trace = json::parse(written(sample_recording()));
  const json step = find_event(events(trace, "X"), "step");
  CHECK(step.at("ts") == 1.2);
  CHECK(step.at("dur") == 0.6);
  CHECK(step.at("cat") == "span,warm_up");
  CHECK(step.at("args") == json{{"step", 3}, {"timestep", 937.5}, {"policy", "ring"}});
  CHECK(find_event(events(trace, "X"), "generate").at("cat") == "span,open_at_end");
  CHECK(find_event(events(trace, "X"), "load").at("cat") == "span,handed_over");
}

TEST_CASE("chrome_trace: processes, threads and streams have names and an order") {
  const json trace = json::parse(written(sample_recording()));
  std::map<int, std::string> processes;
  std::set<std::pair<int, int>> ordered;
  for (const json& event : events(trace, "M")) {
    if (event.at("name") == "process_name")
      processes[event.at("pid")] = event.at("args").at("name");
    if (event.at("name") == "thread_sort_index") {
      CHECK(event.at("args").at("sort_index").is_number_integer());
      ordered.emplace(event.at("pid").get<int>(), event.at("tid").get<int>());
    }
  }
  CHECK(processes == std::map<int, std::string>{{1, "host"}, {2, "device 0"}, {3, "device 1"}});
  CHECK(track_names(trace) ==
        std::map<std::pair<int, int>, std::string>{{{1, 1}, "main"},
                                                   {{1, 2}, "loader"},
                                                   {{2, 3}, "stream 7"},
                                                   {{2, 4}, "stream 7, lane 2"},
                                                   {{2, 5}, "stream 7, replays"},
                                                   {{2, 6}, "stream 7, windows"},
                                                   {{2, 7}, "stream 13"},
                                                   {{3, 8}, "stream 7"},
                                                   {{3, 9}, "stream 7, replays"},
                                                   {{3, 10}, "stream 8, windows"},
                                                   {{3, 11}, "stream 13"}});
  for (const auto& [track, ignored] : track_names(trace)) CHECK(ordered.count(track) == 1);
}

TEST_CASE("chrome_trace: a thread without a name or an entry gets its number") {
  recording run = sample_recording();
  run.threads[0].name = "";
  run.spans[3].thread = 4'000'000'000;
  const json trace = json::parse(written(run));
  CHECK(track_of(trace, find_event(events(trace, "X"), "generate")) == "thread 0");
  CHECK(track_of(trace, find_event(events(trace, "X"), "load")) == "thread 4000000000");
}

TEST_CASE("chrome_trace: any spans and ops nest on every track and keep their times") {
  CHECK(rc::check([] {
    recording run;
    run.threads = {{"main", 1}};
    const auto name = run.strings.add("x");
    std::multiset<std::pair<std::int64_t, std::int64_t>> expected, found;
    std::uint64_t id = 0;
    for (const trace_interval& i : *intervals()) {
      run.spans.push_back({++id, 0, i.start_ns, i.end_ns, name, 0, 0, {}});
      expected.insert({i.start_ns, i.end_ns});
    }
    for (const trace_interval& i : *intervals()) {
      run.api_calls.push_back({i.start_ns, i.end_ns, 0, ++id, name, 0});
      expected.insert({i.start_ns, i.end_ns});
    }
    for (const trace_interval& i : *intervals()) {
      latency::device_op op;
      op.start_ns = i.start_ns;
      op.end_ns = i.end_ns;
      op.name = name;
      run.device_ops.push_back(op);
      expected.insert({i.start_ns, i.end_ns});
    }
    const json trace = json::parse(written(run));
    for (const auto& [track, slices] : tracks(trace)) {
      RC_ASSERT(nested_by_pairs(slices));
      for (const trace_interval& s : slices) found.insert({s.start_ns, s.end_ns});
      if (track.first == 1) continue;
      for (std::size_t i = 0; i < slices.size(); ++i)
        for (std::size_t j = i + 1; j < slices.size(); ++j)
          RC_ASSERT(!overlap(slices[i], slices[j]));
    }
    RC_ASSERT(found == expected);
  }));
}

TEST_CASE("chrome_trace: spans that nest stay on one track, the outer first") {
  recording run;
  run.threads = {{"main", 1}};
  const auto outer = run.strings.add("outer");
  const auto inner = run.strings.add("inner");
  run.spans = {{2, 1, 100, 200, inner, 0, 0, {}}, {1, 0, 100, 200, outer, 0, 0, {}}};
  const json trace = json::parse(written(run));
  CHECK(track_names(trace).size() == 1);
  CHECK(events(trace, "X").at(0).at("name") == "outer");
  CHECK(events(trace, "X").at(1).at("name") == "inner");
}

TEST_CASE("chrome_trace: an interval that ends before it starts has no length and says so") {
  recording run = sample_recording();
  run.spans[2].end_ns = run.spans[2].start_ns - 7;
  const json trace = json::parse(written(run));
  const json decode = find_event(events(trace, "X"), "decode \"x\"");
  CHECK(decode.at("ts") == 2.5);
  CHECK(decode.at("dur") == 0.0);
  CHECK(decode.at("cat") == "span,reversed");
  const std::vector<json> slices = events(trace, "X");
  CHECK(std::count_if(slices.begin(), slices.end(), [](const json& e) {
          return e.at("cat") == "gpu_memcpy,reversed" && e.at("dur") == 0.0;
        }) == 1);
}

TEST_CASE("chrome_trace: what starts before the session moves all times to start at zero") {
  recording run = sample_recording();
  run.device_ops[0].start_ns = -2500;
  const json trace = json::parse(written(run));
  CHECK(find_event(events(trace, "X"), "gemm<float, 4>").at("ts") == 0.0);
  CHECK(find_event(events(trace, "X"), "generate").at("ts") == 3.5);
}

TEST_CASE("chrome_trace: an async span is a begin and an end with one id on their threads") {
  const json trace = json::parse(written(sample_recording()));
  const json begin = find_event(events(trace, "b"), "load");
  const json end = find_event(events(trace, "e"), "load");
  CHECK(begin.at("id") == 1);
  CHECK(end.at("id") == 1);
  CHECK(begin.at("cat") == end.at("cat"));
  CHECK(begin.at("ts") == 1.3);
  CHECK(end.at("ts") == 6.0);
  CHECK(track_of(trace, begin) == "main");
  CHECK(track_of(trace, end) == "loader");
  CHECK(begin.at("args") == json{{"step", 2}});
  CHECK(find_event(events(trace, "b"), "decode \"x\"").at("cat") == "async,open_at_end");
}

TEST_CASE("chrome_trace: instants, counters and memory snapshots are there") {
  recording run = sample_recording();
  run.counters.push_back({3000, 0, 0, std::nan("")});
  const json trace = json::parse(written(run));
  const json instant = find_event(events(trace, "i"), "step");
  CHECK(instant.at("s") == "t");
  CHECK(instant.at("ts") == 1.6);
  CHECK(instant.at("args") == json{{"step", 2}});
  CHECK(find_event(events(trace, "i"), "block").at("s") == "p");
  std::vector<json> samples;
  for (const json& event : events(trace, "C")) samples.push_back(event.at("args"));
  CHECK(samples == std::vector<json>{{{"value", 3.0}},
                                     {{"value", -0.25}},
                                     {{"rss", 22}, {"device_used", 44}, {"device_pool_used", 66}}});
}

TEST_CASE("chrome_trace: run metadata are kept, an empty recording is a valid trace") {
  CHECK(json::parse(written(sample_recording())).at("otherData").at("attention_backend") == "cpu");
  const json empty = json::parse(written({}));
  CHECK(events(empty, "X").empty());
  CHECK(empty.at("displayTimeUnit") == "ms");
}

TEST_CASE("chrome_trace: hostile names stay text") {
  CHECK(rc::check([](const std::string& name, const std::string& key) {
    recording run;
    latency::recorded_attribute attribute;
    attribute.key = run.strings.add(key);
    attribute.type = latency::recorded_attribute::kind::text;
    attribute.text = run.strings.add(name);
    run.attributes = {attribute};
    run.threads = {{name, 1}};
    run.spans = {{1, 0, 1, 2, attribute.text, 0, 0, {0, 1}}};
    const json trace = json::parse(written(run));
    const auto repaired = [](const std::string& text) {
      return json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace))
          .get<std::string>();
    };
    const json event = events(trace, "X").at(0);
    RC_ASSERT(event.at("name") == repaired(name));
    RC_ASSERT(event.at("args").at(repaired(key)) == repaired(name));
    if (!name.empty()) RC_ASSERT(track_names(trace).at({1, 1}) == repaired(name));
  }));
}
