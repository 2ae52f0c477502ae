#include "analyzers/analysis/pool.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <map>
#include <set>
#include <string>

#include "analyzers/analysis/components.hpp"
#include "analyzers/analysis/generation.hpp"
#include "analyzers/analysis/kv_cache.hpp"
#include "analyzers/analysis/switches.hpp"
#include "latency/error.hpp"
#include "latency/proof.hpp"
#include "tests/analyzers/random_run.hpp"
#include "tests/analyzers/sample_run.hpp"

using namespace latency;
using namespace latency::analysis;
using latency::test::ms;

namespace {

using totals = std::map<std::string, std::pair<std::int64_t, std::int64_t>>;

// name -> (count, exclusive)
void add_totals(totals& sum, const recording& run) {
  for (const component& c : components(run, span_tree(run)).rows) {
    auto& entry = sum[run.strings[c.name]];
    entry.first += c.count;
    entry.second += c.exclusive_ns;
  }
}

}  // namespace

TEST_CASE("pool: two ranks of the sample run keep shares, switches and steady latency") {
  const recording both = pool({test::sample_run(), test::sample_run()});
  const span_tree tree(both);
  CHECK(make_proof(both, tree, device_accounting(both, tree)).clean());
  const component_table table = components(both, tree);
  CHECK(table.thread_count == 2);
  CHECK(table.thread_wall_ns == 2800 * ms);
  CHECK(both.strings[table.rows[0].name] == "diffusion_forward");
  CHECK(table.rows[0].count == 46);
  CHECK(table.rows[0].exclusive_share == doctest::Approx(674.0 / 1400));

  const generation_report generated = generation(both, tree);
  CHECK(generated.clips == 2);
  CHECK(generated.serial);  // the ranks ran at the same time, but not on one another's threads
  CHECK(generated.blocks.size() == 14);
  CHECK(generated.steady_per_latent_frame_ns.n == 6);
  CHECK(generated.steady_per_latent_frame_ns.mean == doctest::Approx(34.0 * ms));
  CHECK(generated.rate.with_vae_ns == 2 * 1078 * ms);
  CHECK(generated.deadlines[0].expected == 162);
  CHECK(generated.deadlines[0].late == 0);

  const switch_report switched = switches(both, tree, generated);
  REQUIRE(switched.switches.size() == 4);
  CHECK(switched.switches[2].clip == 1);
  CHECK(switched.switches[2].absolute_ns.value() == 329 * ms);
  CHECK(switched.switches[2].parts_ns == switched.switches[0].parts_ns);
  CHECK(kv_cache(both, tree).tokens.attended == 2 * 1290);
}

TEST_CASE("pool: block and pixel frame numbers go on from rank to rank") {
  const recording both = pool({test::sample_run(), test::sample_run()});
  CHECK(both.blocks[7].index == 7);
  CHECK(both.switches[2].block == 10);
  CHECK(both.switches[2].first_pixel_frame == 81 + 33);
  CHECK(both.pixel_frames[81].index == 81);
  CHECK(both.pixel_frames[81].block == 7);
}

TEST_CASE("pool: a shorter rank gains untracked time, and the identity holds") {
  recording shorter = test::sample_run();
  shorter.wall_ns = 1330 * ms;
  const recording both = pool({shorter, test::sample_run()});
  CHECK(both.wall_ns == 1400 * ms);
  const component_table table = components(both, span_tree(both));
  CHECK(table.untracked_ns == 360 * ms);
}

TEST_CASE("pool: hygiene adds up and metadata that differs is dropped") {
  recording a = test::sample_run();
  recording b = test::sample_run();
  a.hygiene.dropped_spans = 2;
  b.hygiene.dropped_spans = 3;
  b.hygiene.incomplete = true;
  a.run = {{"rank", std::int64_t{0}}, {"git_commit", std::string("abc")}};
  b.run = {{"rank", std::int64_t{1}}, {"git_commit", std::string("abc")}};
  const recording both = pool({a, b});
  CHECK(both.hygiene.dropped_spans == 5);
  CHECK(both.hygiene.incomplete);
  CHECK(both.run.count("rank") == 0);
  CHECK(std::get<std::string>(both.run.at("git_commit")) == "abc");
  CHECK(std::get<std::int64_t>(both.run.at("pooled_recordings")) == 2);
}

TEST_CASE("pool: devices, correlations, replays and graph nodes of two ranks stay apart") {
  recording run = test::sample_run();
  const string_id name = run.strings.add("gemm");
  device_op op;
  op.start_ns = 300 * ms;
  op.end_ns = 310 * ms;
  op.span = run.blocks[0].span;
  op.correlation = 5;
  op.replay = 2;
  op.graph_node = 9;
  op.name = name;
  run.device_ops.push_back(op);
  run.span_paths = {{-1, name}};
  run.graph_nodes = {{9, op.span, 0, capture_reason::none},
                     {8, 0, -1, capture_reason::conditional}};
  api_call call;
  call.start_ns = 290 * ms;
  call.end_ns = 291 * ms;
  call.span = op.span;
  call.correlation = 5;
  call.name = name;
  run.api_calls.push_back(call);
  const recording both = pool({run, run});
  REQUIRE(both.device_ops.size() == 2);
  const device_op& second = both.device_ops[1];
  CHECK(second.device == 1);
  CHECK(second.correlation == 10);
  CHECK(both.api_calls[1].correlation == 10);
  CHECK(both.api_calls[1].thread == 1);
  CHECK(second.replay == 4);
  CHECK(second.graph_node == 18);
  REQUIRE(both.graph_nodes.size() == 4);
  CHECK(both.graph_nodes[2].node == 18);
  CHECK(both.graph_nodes[2].span == second.span);
  CHECK(both.graph_nodes[2].path == 1);
  CHECK(both.graph_nodes[3].node == 17);
  CHECK(both.graph_nodes[3].span == 0);
  CHECK(both.graph_nodes[3].path == -1);
  CHECK(second.span == both.blocks[7].span);
  const span_tree tree(both);
  const device_accounting devices(both, tree);
  CHECK(devices.devices().size() == 2);
  CHECK(make_proof(both, tree, devices).clean());
}

TEST_CASE("pool: shapes, waits, windows, marks, clocks and totals of two ranks stay apart") {
  recording run = test::sample_run();
  const string_id name = run.strings.add("gemm");
  device_op op;
  op.name = name;
  op.shape = 0;
  run.device_ops.push_back(op);
  run.launch_shapes.resize(2);
  api_call wait;
  wait.correlation = 6;
  wait.waits_for = 5;
  wait.device = 0;
  run.api_calls.push_back(wait);
  event_window window;
  window.span = run.blocks[0].span;
  window.replay = 3;
  window.name = name;
  run.event_windows.push_back(window);
  completion_mark mark;
  mark.name = run.strings.add("pixel_frame");
  mark.index = 1;
  run.marks.push_back(mark);
  run.device_clocks.push_back({});
  run.span_paths = {{-1, name}, {0, name}};
  device_total total;
  total.path = 1;
  total.name = name;
  run.device_totals.push_back(total);
  run.device_histograms.push_back({0, 1, 2});
  api_total calls;
  calls.path = -1;
  run.api_totals.push_back(calls);
  const recording both = pool({run, run});
  CHECK(both.device_ops.at(1).shape == 2);
  CHECK(both.launch_shapes.size() == 4);
  CHECK(both.api_calls.at(1).waits_for == 11);
  CHECK(both.api_calls[1].device == 1);
  CHECK(both.event_windows.at(1).span == both.blocks[7].span);
  CHECK(both.event_windows[1].replay == 6);
  CHECK(both.event_windows[1].device == 1);
  CHECK(both.marks.at(1).device == 1);
  CHECK(both.marks[1].index > both.marks[0].index);
  CHECK(both.device_clocks.at(1).device == 1);
  CHECK(both.span_paths.at(2).parent == -1);
  CHECK(both.span_paths.at(3).parent == 2);
  CHECK(both.device_totals.at(1).path == 3);
  CHECK(both.device_totals[1].device == 1);
  CHECK(both.device_histograms.at(1).total == 1);
  CHECK(both.api_totals.at(1).path == -1);
}

TEST_CASE("pool: strings with other ids, instants, counters and async spans find their names") {
  recording a = test::sample_run();
  recording b;
  b.strings.add("only here");
  b.strings.add("temporal_block");
  b.threads.push_back({"main", 1});
  b.counters.push_back({7, 0, 0, 1.5});
  b.instants.push_back({8, 1, 0, 0, {}});
  recorded_async_span request;
  request.id = 1;
  request.name = 0;
  b.async_spans.push_back(request);
  b.memory.push_back({9, 1, 100, 200, 0, 0});
  const recording both = pool({a, b});
  CHECK(both.strings[both.counters[0].name] == "only here");
  CHECK(both.counters[0].thread == 1);
  CHECK(both.strings[both.instants[0].name] == "temporal_block");
  CHECK(both.strings[both.async_spans[0].name] == "only here");
  CHECK(both.strings[both.memory[0].name] == "temporal_block");
}

TEST_CASE("pool: none is empty, one is itself") {
  CHECK(pool({}).spans.empty());
  const recording one = pool({test::sample_run()});
  const recording same = test::sample_run();
  CHECK(one.wall_ns == same.wall_ns);
  CHECK(one.spans.size() == same.spans.size());
  CHECK(one.spans.back().id == same.spans.back().id);
}

TEST_CASE("pool: numbers that no pooled recording can hold are refused in one line") {
  recording far = test::sample_run();
  far.source = "far.json";
  far.blocks[0].index = 0x7fffffff;
  CHECK_THROWS_WITH_AS(static_cast<void>(pool({far})),
                       "far.json: blocks: the pooled block or pixel frame numbers exceed 2^31",
                       error);
  recording crowded = test::sample_run();
  crowded.source = "crowded.json";
  crowded.spans[0].thread = 0x7fffffff;
  CHECK_THROWS_WITH_AS(static_cast<void>(pool({crowded})),
                       "crowded.json: threads: more than 2^24 threads in the pooled recordings",
                       error);
}

TEST_CASE("pool: counts and exclusive times add up by name, ids stay unique, identities hold") {
  CHECK(rc::check([](const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
    const recording first = test::sound_run(a);
    const recording second = test::sound_run(b);
    const recording both = pool({first, second});
    totals apart;
    add_totals(apart, first);
    add_totals(apart, second);
    totals together;
    add_totals(together, both);
    RC_ASSERT(apart == together);
    std::set<span_id> ids;
    for (const span& s : both.spans) ids.insert(s.id);
    RC_ASSERT(ids.size() == both.spans.size());
    const span_tree tree(both);
    RC_ASSERT(tree.problems().records == 0);
    for (const thread_account& t : tree.threads()) RC_ASSERT(t.exact());
  }));
}
