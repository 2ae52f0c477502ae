// What tracing delivered on a real device (tests/latency/gpu/record_activity.cu wrote it), replayed
// without one: it must come out as the program did it.
#include <doctest/doctest.h>

#include <fstream>
#include <functional>
#include <latency/device_accounting.hpp>
#include <latency/latency.hpp>
#include <latency/proof.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "latency/detail/trace_pipeline.hpp"

using namespace latency;
using namespace latency::detail;
using nlohmann::json;

namespace {

json load(const std::string& name) {
  const std::string path = std::string(LATENCY_TEST_DATA) + "/cupti/" + name;
  std::ifstream file(path);
  REQUIRE_MESSAGE(file, path);
  return json::parse(file);
}

traced_apis apis_of(const json& recorded) {
  traced_apis apis;
  for (const auto& [number, name] : recorded.at("apis").items())
    apis.add(static_cast<std::uint16_t>(std::stoi(number)),
             traced_apis::classify(name.get<std::string>()));
  return apis;
}

// Feeds events to a pipeline; host times become ticks of the session that runs here.
class player {
 public:
  player(recorder& session, trace_input& to)
      : to_(to), ns_per_tick_(session.measure_ns_per_tick()), origin_(session.now_ticks()) {}

  void play(const json& event) {
    const auto number = [&](const char* key) { return event.at(key).get<std::int64_t>(); };
    const auto small = [&](const char* key) { return event.at(key).get<std::uint32_t>(); };
    const std::string what = event.at("event");
    if (what == "call") {
      traced_call call;
      call.correlation = small("correlation");
      call.api = event.at("api").get<std::uint16_t>();
      call.flags = event.at("flags").get<std::uint8_t>();
      call.thread = small("thread");
      call.span = event.at("span").get<span_id>();
      call.start_ticks = ticks(number("start_ns"));
      call.end_ticks = ticks(number("end_ns"));
      to_.call(call);
    } else if (what == "op") {
      traced_op op;
      op.correlation = small("correlation");
      op.kind = static_cast<device_op_kind>(number("kind"));
      op.direction = static_cast<copy_direction>(number("direction"));
      op.start_ns = number("start_ns");
      op.end_ns = number("end_ns");
      op.device = small("device");
      op.context = small("context");
      op.stream = small("stream");
      op.graph_node = event.at("graph_node").get<std::uint64_t>();
      op.bytes = number("bytes");
      op.name = intern(event.at("name").get<std::string>());
      op.shape.grid_x = small("grid_x");
      op.shape.block_x = small("block_x");
      op.shape.registers_per_thread = small("registers_per_thread");
      to_.op(op);
    } else if (what == "sync") {
      to_.sync({small("correlation"), small("context"), small("stream"),
                event.at("of").get<std::uint64_t>(), number("records") != 0});
    } else if (what == "device") {
      to_.device(small("device"), intern(event.at("name").get<std::string>()));
    } else {
      REQUIRE(what == "anchor");
      to_.anchor(number("device_ns"), ticks(number("session_ns")), number("uncertainty_ns"));
    }
  }

 private:
  [[nodiscard]] std::uint64_t ticks(std::int64_t ns) const {
    return origin_ + static_cast<std::uint64_t>(static_cast<double>(ns) / ns_per_tick_ + 0.5);
  }
  trace_input& to_;
  const double ns_per_tick_;
  const std::uint64_t origin_;
};

// The session has no spans: the ids of the recorded program stay what they are.
recording replay(const json& recorded, const std::function<bool(std::size_t, const json&)>& keep) {
  session run;
  keeping_pipeline pipeline(run.recorder(), apis_of(recorded));
  player plays(*run.recorder(), pipeline);
  std::size_t index = 0;
  for (const json& event : recorded.at("events"))
    if (keep(index++, event)) plays.play(event);
  pipeline.finish();
  return run.stop();
}
recording replay(const json& recorded) {
  return replay(recorded, [](std::size_t, const json&) { return true; });
}

// counts["span"]["op"], the span's name as the recorded program had it.
std::map<std::string, std::map<std::string, int>> counts_of(const json& recorded,
                                                            const recording& r) {
  std::map<std::string, std::map<std::string, int>> counts;
  for (const device_op& op : r.device_ops) {
    const std::string name = r.strings[op.name];
    const std::string span =
        op.span == 0 ? "" : recorded.at("spans").at(std::to_string(op.span)).get<std::string>();
    ++counts[span][name.substr(name.find("::") == name.npos ? 0 : name.rfind("::") + 2)];
  }
  return counts;
}

}  // namespace

TEST_CASE("replay: three threads on six streams, every span has exactly its ops") {
  const json recorded = load("threads.json");
  const recording r = replay(recorded);
  std::map<std::string, std::map<std::string, int>> expected;
  expected["layer"] = {
      {"scale(float*)", 6 * (1 + 2 + 3)}, {"add(float*)", 18}, {"memcpy host to device", 18}};
  CHECK(counts_of(recorded, r) == expected);
  CHECK(r.hygiene.unmatched_device_ops == 0);
  CHECK(r.hygiene.unmatched_launches == 0);
  CHECK(r.hygiene.invalid_device_ops == 0);
  std::set<std::uint32_t> streams, threads;
  std::map<std::uint64_t, const api_call*> calls;
  for (const device_op& op : r.device_ops) streams.insert(op.stream);
  for (const api_call& c : r.api_calls) {
    calls[c.correlation] = &c;
    threads.insert(c.thread);
  }
  CHECK(streams.size() == 6);
  CHECK(threads.size() == 3);
  // Nothing ran before it was launched, by the clocks as they were mapped; waits name what they
  // wait for, on another stream.
  int waits = 0;
  for (const device_op& op : r.device_ops) CHECK(op.start_ns > calls.at(op.correlation)->start_ns);
  for (const api_call& c : r.api_calls) {
    if (c.kind != api_call_kind::stream_wait) continue;
    ++waits;
    const api_call& recording_call = *calls.at(c.waits_for);
    CHECK(recording_call.kind == api_call_kind::event_record);
    CHECK(recording_call.end_ns <= c.start_ns);
    CHECK(recording_call.stream != c.stream);
  }
  CHECK(waits == 18);
  REQUIRE(r.device_clocks.size() == 1);
  CHECK(r.device_clocks[0].name == "NVIDIA H100 80GB HBM3");
  CHECK(r.device_clocks[0].resolution_ns == 32);
  CHECK(r.device_clocks[0].uncertainty_ns < 1000);
  const span_tree tree(r);
  const device_accounting accounting(r, tree);
  REQUIRE(accounting.devices().size() == 1);
  CHECK(accounting.devices()[0].exact());
  CHECK(accounting.problems().of[3] == 0);  // before launch
  CHECK(accounting.problems().of[4] == 0);  // unmatched correlation
}

TEST_CASE("replay: a graph's ops belong to the launch that ran them, captured calls to none") {
  const json recorded = load("graphs.json");
  const recording r = replay(recorded);
  std::map<std::string, std::map<std::string, int>> expected;
  expected["replay"] = {{"scale(float*)", 20}, {"memset", 5}};
  expected[""] = {{"add(float*)", 1}};
  CHECK(counts_of(recorded, r) == expected);
  CHECK(r.hygiene.unmatched_launches == 0);  // five captured launches never ran
  std::map<std::uint64_t, std::set<std::uint64_t>> nodes_of_replay;
  for (const device_op& op : r.device_ops)
    if (op.replay != 0) nodes_of_replay[op.replay].insert(op.graph_node);
  CHECK(nodes_of_replay.size() == 5);
  for (const auto& [id, nodes] : nodes_of_replay) {
    CHECK(nodes.size() == 5);
    CHECK(nodes == nodes_of_replay.begin()->second);
  }
  const span_tree tree(r);
  const proof proven = make_proof(r, tree, device_accounting(r, tree));
  CHECK(proven.replays == 5);
  CHECK(proven.replay_ops == 25);
  CHECK(proven.launches == 1);
  CHECK(proven.ops_complete());
}

TEST_CASE("replay: a lost call leaves its ops without a span, a lost op its launch open") {
  const json recorded = load("threads.json");
  int calls = 0, ops = 0;
  const recording r = replay(recorded, [&](std::size_t, const json& event) {
    const bool kernel = event.value("kind", -1) == 0;
    const bool launch = event.value("api", 0) == 307;  // cuLaunchKernel
    if (event.at("event") == "call" && launch) return ++calls != 5;
    if (event.at("event") == "op" && kernel) return ++ops != 20;
    return true;
  });
  CHECK(r.hygiene.unmatched_device_ops == 1);
  CHECK(r.hygiene.unmatched_launches == 1);
  std::int64_t without = 0;
  for (const device_op& op : r.device_ops)
    without += op.reason == unattributed_reason::no_launch_record ? 1 : 0;
  CHECK(without == 1);
}

TEST_CASE("replay: totals are the sums of the rows") {
  const json recorded = load("threads.json");
  const recording rows = replay(recorded);
  session run;
  path_table paths;
  totalling_pipeline pipeline(run.recorder(), apis_of(recorded), paths);
  player plays(*run.recorder(), pipeline);
  for (const json& event : recorded.at("events")) plays.play(event);
  pipeline.finish();
  const recording totals = run.stop();
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> from_rows,
      from_totals;  // count, sum
  for (const json& event : recorded.at("events")) {
    if (event.at("event") != "op") continue;
    auto& [count, sum] = from_rows[event.at("name")];
    ++count;
    sum += event.at("end_ns").get<std::int64_t>() - event.at("start_ns").get<std::int64_t>();
  }
  for (const device_total& t : totals.device_totals) {
    auto& [count, sum] = from_totals[totals.strings[t.name]];
    count += t.count;
    sum += t.sum_ns;
  }
  CHECK(from_totals == from_rows);
  CHECK(rows.device_ops.size() == 72);
  std::int64_t calls = 0;
  for (const api_total& t : totals.api_totals) calls += t.count;
  CHECK(calls == static_cast<std::int64_t>(rows.api_calls.size()));
}
