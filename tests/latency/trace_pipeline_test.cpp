// From what tracing delivers to the recording, without a device.
#include "latency/detail/trace_pipeline.hpp"

#include <doctest/doctest.h>

#include <latency/device_accounting.hpp>
#include <latency/journal_reader.hpp>
#include <latency/latency.hpp>
#include <latency/proof.hpp>
#include <map>

#include "find_span.hpp"
#include "tests/temporary_folder.hpp"

using namespace latency;
using namespace latency::detail;

namespace {

constexpr std::int64_t unix_ns = 1'795'000'000'000'000'000;

traced_apis apis() {
  traced_apis result;
  result.add(0, traced_apis::classify("cuLaunchKernel"));
  result.add(1, traced_apis::classify("cuStreamSynchronize"));
  return result;
}

// Launches kernels as a program would, on a device whose clock is the session's plus an offset.
class made_device {
 public:
  made_device(recorder& session, trace_input& to, path_table* paths)
      : session_(session), to_(to), paths_(paths), ns_per_tick_(session.measure_ns_per_tick()) {
    to_.device(0, "test device");
    origin_ticks_ = session_.now_ticks();
    anchor();
  }
  void anchor() {
    const std::uint64_t ticks = session_.now_ticks();
    to_.anchor(device_ns(ticks), ticks, 30);
  }

  // A kernel that begins 1 us after its launch and runs for `duration_ns`.
  void launch(const char* name, std::int64_t duration_ns, std::uint32_t stream = 7,
              std::uint64_t graph_node = 0) {
    traced_call call = here(0);
    traced_op op;
    op.start_ns = device_ns(call.end_ticks) + 1000;
    op.end_ns = op.start_ns + duration_ns;
    op.correlation = call.correlation;
    op.name = name;
    op.stream = stream;
    op.graph_node = graph_node;
    op.shape.grid_x = stream;
    to_.call(call);
    to_.op(op);
  }
  void synchronize() { to_.call(here(1)); }

 private:
  traced_call here(std::uint16_t api) {
    const thread_state& t = *recording_thread();
    traced_call call;
    call.start_ticks = session_.now_ticks();
    call.end_ticks = session_.now_ticks();
    call.correlation = ++correlation_;
    call.api = api;
    call.thread = t.index;
    call.span = innermost_span(t);
    if (paths_ != nullptr) call.path = cache_.current(t, *paths_);
    return call;
  }
  [[nodiscard]] std::int64_t device_ns(std::uint64_t ticks) const {
    return unix_ns +
           static_cast<std::int64_t>(static_cast<double>(ticks - origin_ticks_) * ns_per_tick_);
  }
  recorder& session_;
  trace_input& to_;
  path_table* paths_;
  path_cache cache_;
  const double ns_per_tick_;
  std::uint64_t origin_ticks_ = 0;
  std::uint32_t correlation_ = 0;
};

std::string path_text(const recording& r, std::int32_t path) {
  if (path < 0) return "";
  const span_path& row = r.span_paths.at(static_cast<std::size_t>(path));
  const std::string above = path_text(r, row.parent);
  return above + (above.empty() ? "" : "/") + r.strings[row.name];
}

}  // namespace

TEST_CASE("trace_pipeline: kept rows account for every nanosecond, under their spans") {
  session run;
  keeping_pipeline pipeline(run.recorder(), apis());
  made_device device(*run.recorder(), pipeline, nullptr);
  span_id outer = 0, inner = 0;
  {
    scope a{"outer"};
    outer = a.id();
    device.launch("first", 320);
    {
      scope b{"inner"};
      inner = b.id();
      for (int i = 0; i < 30; ++i) device.launch("second", 640 + 32 * (i % 3), 8);
      device.synchronize();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // until the last kernel ended
    device.anchor();
  }
  device.launch("outside", 100);
  pipeline.flush();
  pipeline.finish();
  const recording r = run.stop();
  REQUIRE(r.device_ops.size() == 32);
  CHECK(r.device_ops[0].span == outer);
  CHECK(r.strings[r.device_ops[0].name] == "first");
  CHECK(r.launch_shapes.at(static_cast<std::size_t>(r.device_ops[1].shape)).grid_x == 8);
  for (std::size_t i = 1; i < 31; ++i) CHECK(r.device_ops[i].span == inner);
  CHECK(r.device_ops[31].span == 0);
  CHECK(r.device_ops[31].reason == unattributed_reason::no_open_span);
  CHECK(r.device_ops[0].end_ns - r.device_ops[0].start_ns == doctest::Approx(320).epsilon(0.01));
  CHECK(r.api_calls.size() == 33);
  REQUIRE(r.device_clocks.size() == 1);
  CHECK(r.device_clocks[0].name == "test device");
  CHECK(r.device_clocks[0].resolution_ns == 32);
  CHECK(r.device_clocks[0].anchors == 2);
  CHECK(r.device_clocks[0].uncertainty_ns == 30);
  const span_tree tree(r);
  const device_accounting accounting(r, tree);
  const proof proven = make_proof(r, tree, accounting);
  CHECK(proven.devices_exact);
  CHECK(proven.ops_complete());
  CHECK(accounting.problems().records == 0);
  CHECK(proven.clean());
}

TEST_CASE("trace_pipeline: totals are those of the rows, by path of spans") {
  session run;
  path_table paths;
  totalling_pipeline pipeline(run.recorder(), apis(), paths);
  made_device device(*run.recorder(), pipeline, &paths);
  for (int i = 0; i < 3; ++i) {
    LATENCY_SCOPE("block");
    device.launch("gemm", 1000 + i);
    LATENCY_SCOPE("layer");
    device.launch("gemm", 50);
    device.launch("norm", 10);
    device.synchronize();
  }
  device.launch("gemm", 7);
  pipeline.finish();
  const recording r = run.stop();
  CHECK(r.device_ops.empty());
  CHECK(r.api_calls.empty());
  std::map<std::string, device_total> totals;
  for (const device_total& t : r.device_totals)
    totals[path_text(r, t.path) + ":" + r.strings[t.name]] = t;
  CHECK(totals.size() == 4);
  CHECK(totals["block:gemm"].count == 3);
  CHECK(totals["block:gemm"].sum_ns == 3003);
  CHECK(totals["block:gemm"].min_ns == 1000);
  CHECK(totals["block:gemm"].max_ns == 1002);
  CHECK(totals["block/layer:gemm"].sum_ns == 150);
  CHECK(totals["block/layer:norm"].count == 3);
  CHECK(totals[":gemm"].count == 1);
  CHECK(totals[":gemm"].reason == unattributed_reason::no_open_span);
  std::map<std::uint32_t, std::int64_t> counted;
  const histogram_buckets buckets(trace_totals::histogram_digits);
  for (const duration_bucket& b : r.device_histograms) {
    counted[b.total] += b.count;
    CHECK(buckets.first_of(buckets.bucket_of(b.least_ns)) == b.least_ns);
  }
  for (std::uint32_t i = 0; i < r.device_totals.size(); ++i)
    CHECK(counted[i] == r.device_totals[i].count);
  std::map<std::string, api_total> calls;
  for (const api_total& t : r.api_totals) calls[path_text(r, t.path) + ":" + r.strings[t.name]] = t;
  CHECK(calls["block/layer:cuStreamSynchronize"].count == 3);
  CHECK(calls["block/layer:cuStreamSynchronize"].kind == api_call_kind::synchronize);
  CHECK(calls["block/layer:cuLaunchKernel"].count == 6);
  CHECK(calls["block/layer:cuLaunchKernel"].sum_ns >= 0);
  CHECK(calls["block/layer:cuLaunchKernel"].max_ns < 1'000'000'000);
}

TEST_CASE("trace_pipeline: totals take the same memory for a thousand ops as for a million") {
  session run;
  path_table paths;
  trace_clocks clocks;
  const traced_apis functions = apis();
  trace_totals totals(functions, clocks, paths, nullptr);
  traced_call call;
  for (int i = 0; i < 200000; ++i) {
    traced_op op;
    op.start_ns = 1;
    op.end_ns = 1 + i % 1000;
    op.name = intern("kernel" + std::to_string(i % 70000));  // more names than there are rows
    call.path = -1;
    totals.op(op, &call, 1, unattributed_reason::no_open_span);
  }
  run.recorder()->write_device([&](device_writer& out) { totals.write(out, 1); });
  const recording r = run.stop();
  CHECK(r.device_totals.size() == trace_totals::capacity + 1);
  std::int64_t count = 0;
  for (const device_total& t : r.device_totals) count += t.count;
  CHECK(count == 200000);
  CHECK(r.strings[r.device_totals.back().name] == "(more)");
}

TEST_CASE("span_paths: a path is its names, on whatever thread, and follows the open spans") {
  session run;
  path_table table;
  path_cache mine;
  const auto here = [&](path_cache& cache) { return cache.current(*recording_thread(), table); };
  CHECK(here(mine) == -1);
  std::int32_t first = -1, deep = -1;
  for (int i = 0; i < 3; ++i) {
    LATENCY_SCOPE("a");
    const std::int32_t path = here(mine);
    if (i == 0) first = path;
    CHECK(path == first);
    {
      LATENCY_SCOPE("b");
      LATENCY_SCOPE("c");
      if (i == 0) deep = here(mine);
      CHECK(here(mine) == deep);
    }
    CHECK(here(mine) == first);
    LATENCY_SCOPE("b");
    CHECK(here(mine) != deep);
  }
  std::thread([&] {
    path_cache other;
    const std::string a = "a";
    scope outer{intern(a)};
    CHECK(other.current(*recording_thread(), table) == first);
  }).join();
  CHECK(table.from(0).size() == 3);
  CHECK(table.from(2).size() == 1);
  CHECK(table.from(9).empty());
  (void)run.stop();
  session next;  // its spans have the ids of the first session's
  LATENCY_SCOPE("z");
  CHECK(here(mine) == 3);
}

TEST_CASE("span_paths: a full table gives the parent's path") {
  path_table table;
  const std::int32_t root = table.child(-1, "root");
  for (std::size_t i = 1; i < path_table::capacity; ++i)
    (void)table.child(root, intern("n" + std::to_string(i)));
  CHECK(table.child(root, "one too many") == root);
  CHECK(table.child(-1, "root") == root);
  CHECK(table.from(0).size() == path_table::capacity);
}

namespace {

constexpr std::uint64_t exec_node(std::uint32_t index) {
  return std::uint64_t{3} << 32 | index;
}

// A graph of two nodes, one directly in the capture, one in the span "ffn" of it, and a third node
// that nobody announced.
void capture_two(graph_attribution& graphs, path_cache& cache) {
  const auto here = [&] {
    const thread_state& t = *recording_thread();
    return graph_attribution::place{innermost_span(t), cache.current(t, graphs.paths())};
  };
  LATENCY_SCOPE("capture");
  graphs.graph_created(1, 2, here().path);
  graphs.node_created(1, std::uint64_t{2} << 32, here());
  {
    LATENCY_SCOPE("ffn");
    graphs.node_created(1, std::uint64_t{2} << 32 | 1, here());
  }
  for (std::uint32_t i = 0; i < 2; ++i)
    graphs.node_cloned(1, exec_node(i), std::uint64_t{2} << 32 | i, i);
}

}  // namespace

TEST_CASE("trace_pipeline: a node of a graph is described once, with the spans of its capture") {
  session run;
  path_table paths;
  graph_attribution graphs(paths);
  path_cache cache;
  keeping_pipeline pipeline(run.recorder(), apis(), &graphs);
  made_device device(*run.recorder(), pipeline, nullptr);
  device.launch("eager", 10);
  capture_two(graphs, cache);
  pipeline.flush();
  SUBCASE("nothing without a replay") {
    pipeline.finish();
    const recording r = run.stop();
    CHECK(r.graph_nodes.empty());
    CHECK(r.span_paths.empty());
    CHECK(r.run.count("graph_attribution") == 0);
  }
  SUBCASE("two replays") {
    graphs.node_changed(exec_node(1));
    for (int i = 0; i < 2; ++i) {
      LATENCY_SCOPE("token");
      for (std::uint32_t node = 0; node < 3; ++node) device.launch("k", 10, 7, exec_node(node));
      pipeline.flush();
    }
    pipeline.finish();
    const recording r = run.stop();
    REQUIRE(r.graph_nodes.size() == 3);
    CHECK(r.graph_nodes[0].path == -1);
    CHECK(r.graph_nodes[0].span == latency_test::span_named(r, "capture").id);
    CHECK(path_text(r, r.graph_nodes[1].path) == "ffn");
    CHECK(r.graph_nodes[1].span == latency_test::span_named(r, "ffn").id);
    CHECK(r.graph_nodes[2].reason == capture_reason::unknown_node);
    CHECK(r.hygiene.changed_graph_nodes == 1);
    CHECK(std::get<std::string>(r.run.at("graph_attribution")) == "cupti callbacks");
    const span_tree tree(r);
    CHECK(make_proof(r, tree, device_accounting(r, tree)).replay_ops == 6);
  }
}

TEST_CASE(
    "trace_pipeline: totals of replays stand below the launch and the capture, or say why not") {
  session run;
  path_table paths;
  graph_attribution graphs(paths);
  path_cache cache;
  totalling_pipeline pipeline(run.recorder(), apis(), paths, &graphs);
  made_device device(*run.recorder(), pipeline, &paths);
  capture_two(graphs, cache);
  for (int i = 0; i < 100; ++i) {
    LATENCY_SCOPE("token");
    for (std::uint32_t node = 0; node < 3; ++node) device.launch("k", 10, 7, exec_node(node));
  }
  device.launch("k", 10, 7, exec_node(1));
  pipeline.finish();
  const recording r = run.stop();
  std::map<std::string, std::int64_t> counts;
  for (const device_total& t : r.device_totals) counts[path_text(r, t.path)] = t.count;
  CHECK(counts == std::map<std::string, std::int64_t>{
                      {"token", 100}, {"token/ffn", 100}, {"token/(unknown node)", 100}, {"", 1}});
}

TEST_CASE("trace_pipeline: counts of what was lost reach the recording") {
  session run;
  keeping_pipeline pipeline(run.recorder(), apis());
  traced_op op;
  op.correlation = 4;
  pipeline.op(op);
  traced_call call;
  call.correlation = 5;
  pipeline.call(call);
  CHECK(pipeline.outstanding() == 1);
  pipeline.dropped(3, 2);
  pipeline.finish();
  const hygiene_counts h = run.stop().hygiene;
  CHECK(h.dropped_device_ops == 3);
  CHECK(h.dropped_records == 2);
  CHECK(h.invalid_device_ops == 1);
  CHECK(h.unmatched_device_ops == 1);
  CHECK(h.unmatched_launches == 1);
}

namespace {

session_options flying(std::chrono::milliseconds window) {
  session_options options;
  options.capacity_spans = 400000;
  options.flight_recorder.window = window;
  options.flight_recorder.bytes = flight_ring::least_bytes;
  options.flight_recorder.after = std::chrono::milliseconds(0);
  return options;
}
recording last_seconds(const session& run) {
  const std::vector<std::uint64_t> words = run.recorder()->last_seconds();
  return read_journal(words.data(), words.size(), "");
}

}  // namespace

TEST_CASE("trace_pipeline: a flight recorder keeps the newest ops, under their spans, exactly") {
  const latency_test::temporary_folder folder;
  session run{folder / "out.json", flying(std::chrono::hours(1))};
  keeping_pipeline pipeline(run.recorder(), apis());
  made_device device(*run.recorder(), pipeline, nullptr);
  constexpr int launches = 60000;  // of 144 bytes: twice the ring
  for (int i = 0; i < launches; ++i) {
    LATENCY_SCOPE("step");
    device.launch("gemm", 10);
    if (i % 1000 != 0) continue;
    device.anchor();
    pipeline.flush();
    const std::lock_guard<std::mutex> lock(process().mutex);
    run.recorder()->collect_now();
  }
  pipeline.flush();
  const recording r = last_seconds(run);
  CHECK(r.device_ops.size() > 5000);
  CHECK(r.device_ops.size() < launches * 3 / 4);
  CHECK(r.api_calls.size() == r.device_ops.size());
  CHECK(r.device_ops.back().correlation == launches);
  CHECK(r.device_ops.back().correlation - r.device_ops.front().correlation + 1 ==
        r.device_ops.size());
  const span_tree tree(r);
  const device_accounting accounting(r, tree);
  const proof proven = make_proof(r, tree, accounting);
  CHECK(proven.exact());
  CHECK(proven.ops_complete());
  CHECK(proven.span_problems.records == 0);
  // Kernels that overlap by what the made-up clock is rounded to are not before their launch.
  CHECK(proven.op_problems.of[5] == 0);  // unknown span
  CHECK(proven.op_problems.of[4] == 0);  // unmatched correlation
  pipeline.finish();
  (void)run.finish();
}

TEST_CASE("trace_pipeline: a flight recorder's file has the totals as of when it was asked for") {
  const latency_test::temporary_folder folder;
  session run{folder / "out.json", flying(std::chrono::milliseconds(50))};
  path_table paths;
  totalling_pipeline pipeline(run.recorder(), apis(), paths);
  made_device device(*run.recorder(), pipeline, &paths);
  const auto launch = [&](int count) {
    LATENCY_SCOPE("block");
    for (int i = 0; i < count; ++i) device.launch("gemm", 100);
  };
  launch(3);
  pipeline.flush();  // not due yet
  CHECK(last_seconds(run).device_totals.empty());
  run.recorder()->hurry_totals(true);  // as a cause does
  launch(4);
  pipeline.flush();
  const recording r = last_seconds(run);
  REQUIRE(r.device_totals.size() == 1);
  CHECK(r.device_totals[0].count == 7);
  CHECK(path_text(r, r.device_totals[0].path) == "block");
  CHECK(r.device_ops.empty());
  pipeline.finish();
  (void)run.finish();
}

TEST_CASE("trace_pipeline: totals of a killed run are there as of the last snapshot") {
  const latency_test::temporary_folder folder;
  session run{folder / "out.json"};
  path_table paths;
  trace_clocks clocks;
  const traced_apis functions = apis();
  trace_totals totals(functions, clocks, paths, nullptr);
  const auto add = [&](std::int64_t duration_ns) {
    traced_op op;
    op.start_ns = 1;
    op.end_ns = 1 + duration_ns;
    op.name = "kernel";
    traced_call call;
    call.path = paths.child(-1, "block");
    totals.op(op, &call, 1, unattributed_reason::none);
    run.recorder()->write_device([&](device_writer& out) { totals.write(out, 1); });
    const std::lock_guard<std::mutex> lock(process().mutex);
    run.recorder()->collect_now();
  };
  add(10);
  add(20);
  const recording killed = read_journal(folder / "out.json.journal");
  REQUIRE(killed.device_totals.size() == 1);
  CHECK(killed.device_totals[0].sum_ns == 30);
  CHECK(killed.hygiene.incomplete);
  CHECK(path_text(killed, killed.device_totals[0].path) == "block");
  (void)run.stop();
}
