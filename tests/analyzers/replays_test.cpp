// Replays of graphs, below the spans that launched them and above those that captured them.
#include "analyzers/analysis/replays.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "analyzers/analysis/device_components.hpp"
#include "analyzers/analysis/graphs.hpp"
#include "tests/analyzers/device_builder.hpp"

using namespace latency;
using namespace latency::analysis;
using latency::test::accounted;
using latency::test::add_call;
using latency::test::add_op;
using latency::test::add_span;

namespace {

void add_replayed(recording& run, std::uint64_t node, std::uint64_t replay, span_id span,
                  std::int64_t start_ns, std::int64_t end_ns, std::uint32_t stream = 0) {
  device_op& op = add_op(run, "k", span, start_ns, end_ns, stream);
  op.graph_node = node;
  op.replay = op.correlation = replay;
}

// Captured in 0..100: nodes 1 and 2 in the first of two layers, 3 in attention of the second, 4
// directly; 5 in a child graph that was added in the first layer; 6 is not known.
// Replayed in token 200..300 (launch 210..214) and token 300..400 (launch 310..312), each:
//   220..230 node 1, 230..236 node 2, 240..250 node 3 beside 240..260 node 4 on stream 1,
//   262..266 node 5, 270..272 node 6
recording captured_layers() {
  test::recording_builder made(0);
  recording& run = made.run();
  run.wall_ns = 400;
  const span_id capture = add_span(made, "capture", 0, 0, 100);
  const span_id first = add_span(made, "layer", capture, 10, 40);
  const span_id second = add_span(made, "layer", capture, 50, 90);
  const span_id attention = add_span(made, "attention", second, 60, 80);
  const span_id tokens[] = {add_span(made, "token", 0, 200, 300),
                            add_span(made, "token", 0, 300, 400)};
  run.span_paths = {{-1, run.strings.add("layer")}, {0, run.strings.add("attention")}};
  run.graph_nodes = {{1, first, 0, {}},
                     {2, first, 0, {}},
                     {3, attention, 1, {}},
                     {4, capture, -1, {}},
                     {5, first, 0, capture_reason::child_graph},
                     {6, 0, -1, capture_reason::unknown_node}};
  for (std::uint64_t replay = 1; replay <= 2; ++replay) {
    const std::int64_t t = 100 + 100 * static_cast<std::int64_t>(replay);
    const span_id token = tokens[replay - 1];
    add_replayed(run, 1, replay, token, t + 20, t + 30);
    add_replayed(run, 2, replay, token, t + 30, t + 36);
    add_replayed(run, 3, replay, token, t + 40, t + 50);
    add_replayed(run, 4, replay, token, t + 40, t + 60, 1);
    add_replayed(run, 5, replay, token, t + 62, t + 66);
    add_replayed(run, 6, replay, token, t + 70, t + 72);
  }
  add_call(run, api_call_kind::launch, tokens[0], 210, 214, 1);
  add_call(run, api_call_kind::launch, tokens[1], 310, 312, 2);
  return std::move(run);
}

const device_component& row(const accounted& all, const device_component_table& table,
                            std::string_view name) {
  for (const device_component& c : table.rows)
    if (all.run.strings[c.name] == name) return c;
  FAIL("no row " << name);
  return table.rows.front();
}

}  // namespace

TEST_CASE("replays: an instance holds its captured spans, each layer by itself") {
  const accounted all(captured_layers());
  const auto found = replays(all.run, all.devices, all.devices.devices().at(0));
  REQUIRE(found.size() == 2);
  for (const replay_instance& one : found) {
    CHECK(all.run.name_of(all.run.spans[one.span]) == "token");
    CHECK(one.ops.ops == 6);
    CHECK(one.own.ops == 1);
    CHECK(one.own.share_ns == 5 + 10);  // node 4, half of it beside node 3
    REQUIRE(one.spans.size() == 3);
    const captured_account& first = one.spans[0];
    CHECK(all.run.strings[first.name] == "layer");
    CHECK(first.parent == -1);
    CHECK(first.own.ops == 2);
    CHECK(first.own.share_ns == 16);
    CHECK(first.subtree.ops == 3);
    CHECK(first.subtree.share_ns == 20);
    CHECK(first.subtree.window_ns == 46);
    CHECK(first.subtree.busy_ns == 20);
    CHECK(first.subtree.busy_with_others_ns == 20);  // 240..260
    const captured_account& second = one.spans[1];
    CHECK(all.run.strings[second.name] == "layer");
    CHECK(second.own.ops == 0);
    CHECK(second.subtree.share_ns == 5);
    const captured_account& attention = one.spans[2];
    CHECK(all.run.strings[attention.name] == "attention");
    CHECK(attention.parent == 1);
    CHECK(attention.own.share_ns == 5);
    CHECK(one.unknown[static_cast<std::size_t>(capture_reason::child_graph)].share_ns == 4);
    CHECK(one.unknown[static_cast<std::size_t>(capture_reason::unknown_node)].ops == 1);
    CHECK(one.unknown[static_cast<std::size_t>(capture_reason::conditional)].ops == 0);
  }
  CHECK(found[0].spans[1].element == found[1].spans[1].element);
}

TEST_CASE("replays: components of a replay are those of an eager run; what is not known has rows") {
  const accounted all(captured_layers());
  const device_component_table table = device_components(all.run, all.tree, all.devices);
  const device_component& layer = row(all, table, "layer");
  CHECK(layer.spans == 4);  // two, in two replays
  CHECK(layer.own.share_ns == 2 * 16);
  CHECK(layer.subtree.share_ns == 2 * (20 + 5));
  CHECK(layer.subtree.window_ns == 2 * (46 + 10));
  CHECK(row(all, table, "attention").own.share_ns == 10);
  CHECK(row(all, table, "attention").spans == 2);
  const device_component& token = row(all, table, "token");
  CHECK(token.spans == 2);
  CHECK(token.own.share_ns == 2 * 15);
  CHECK(token.subtree.ops == 12);
  CHECK(token.subtree.share_ns == 2 * (16 + 20 + 4 + 2));
  CHECK(table.not_captured[static_cast<std::size_t>(capture_reason::child_graph)].share_ns == 8);
  CHECK(table.not_captured[static_cast<std::size_t>(capture_reason::unknown_node)].share_ns == 4);
  CHECK(table.rows.size() == 3);
}

TEST_CASE("replays: a captured span inside a span of its name adds nothing with children") {
  recording run = captured_layers();
  for (span& s : run.spans)
    if (run.name_of(s) == "token") s.name = run.strings.find("layer");
  const accounted all(std::move(run));
  const device_component_table table = device_components(all.run, all.tree, all.devices);
  CHECK(row(all, table, "layer").subtree.share_ns == 2 * (16 + 20 + 4 + 2));
  CHECK(row(all, table, "layer").own.share_ns == 2 * (15 + 16));
}

TEST_CASE("replays: where the spans of the capture were not kept, their paths stand for them") {
  recording run = captured_layers();
  run.spans.erase(run.spans.begin(), run.spans.begin() + 4);
  const accounted all(std::move(run));
  const auto found = replays(all.run, all.devices, all.devices.devices().at(0));
  REQUIRE(found.size() == 2);
  REQUIRE(found[0].spans.size() == 2);  // the layers are one
  CHECK(found[0].spans[0].subtree.share_ns == 25);
  CHECK(found[0].spans[1].own.share_ns == 5);
}

TEST_CASE("replays: a recording without nodes of graphs has all at the launch") {
  recording run = captured_layers();
  run.graph_nodes.clear();
  const accounted all(std::move(run));
  const auto found = replays(all.run, all.devices, all.devices.devices().at(0));
  REQUIRE(found.size() == 2);
  CHECK(found[0].spans.empty());
  CHECK(found[0].own.ops == 6);
  const device_component_table table = device_components(all.run, all.tree, all.devices);
  REQUIRE(table.rows.size() == 1);
  CHECK(table.rows[0].own.ops == 12);
}

TEST_CASE("graphs: launch cost, nodes and known spans of each graph") {
  recording run = captured_layers();
  // Another graph, of one node, replayed before, outside of every span; its call is not recorded.
  add_replayed(run, 9, 7, 0, 150, 155);
  run.graph_nodes.push_back({9, 0, -1, capture_reason::graph_before_start});
  const accounted all(std::move(run));
  const std::vector<graph_row> rows = graphs(all.run, all.devices);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].first_span == no_span);
  CHECK(rows[0].replays == 1);
  CHECK(rows[0].nodes == 1);
  CHECK(rows[0].time_ns == 5);
  CHECK(rows[0].launch_ns.n == 0);
  CHECK(rows[0].ops_by_reason[static_cast<std::size_t>(capture_reason::graph_before_start)] == 1);
  CHECK(all.run.name_of(all.run.spans[rows[1].first_span]) == "token");
  CHECK(rows[1].replays == 2);
  CHECK(rows[1].nodes == 6);
  CHECK(rows[1].ops == 12);
  CHECK(rows[1].time_ns == 2 * 42);
  CHECK(rows[1].launch_ns.n == 2);
  CHECK(rows[1].launch_ns.p50 == 3);
  CHECK(rows[1].launch_ns.sum == 6);
  CHECK(rows[1].ops_by_reason[0] == 8);
  CHECK(rows[1].ops_by_reason[static_cast<std::size_t>(capture_reason::child_graph)] == 2);
}

TEST_CASE("replays: whatever a file says, each op of a replay is in one place") {
  CHECK(rc::check([](std::uint64_t seed, bool absurd) {
    const accounted all(test::random_device_run(seed, absurd));
    std::int64_t ops = 0;
    for (const device_account& device : all.devices.devices()) {
      const auto found = replays(all.run, all.devices, device);
      RC_ASSERT(found.size() == device.replays.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        const replay_instance& one = found[i];
        RC_ASSERT(one.ops.share_ns == device.replays[i].ops.share_ns);
        device_part placed;
        placed.add(one.own);
        for (const op_set& set : one.unknown) placed.add(set);
        for (const captured_account& s : one.spans) {
          placed.add(s.own);
          RC_ASSERT(s.parent < static_cast<std::int32_t>(&s - one.spans.data()));
          RC_ASSERT(s.subtree.ops >= s.own.ops);
        }
        RC_ASSERT(placed.ops == one.ops.ops);
        RC_ASSERT(placed.share_ns == one.ops.share_ns);
        RC_ASSERT(placed.copy_exposed_ns == one.ops.copy_exposed_ns);
        ops += one.ops.ops;
      }
    }
    std::int64_t known = 0;
    for (const graph_row& row : graphs(all.run, all.devices)) {
      std::int64_t by_reason = 0;
      for (const std::int64_t count : row.ops_by_reason) by_reason += count;
      RC_ASSERT(by_reason == row.ops);
      known += row.ops;
    }
    RC_ASSERT(known <= ops);
  }));
}
