// Which captured spans the ops of graph replays belong to, told by a driver that runs nothing.
#include "latency/detail/graph_attribution.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <map>
#include <thread>
#include <vector>

#include "made_graphs.hpp"

using namespace latency;
using namespace latency::detail;
using latency_test::made_graphs;
using latency_test::names;

namespace {

struct fixture {
  explicit fixture(std::size_t capacity = 1 << 20, std::size_t most_destroyed = 1 << 17)
      : attribution(paths, capacity, most_destroyed) {}
  path_table paths;
  graph_attribution attribution;
  made_graphs driver{attribution, paths};

  made_graphs::truth found(std::uint64_t node) {
    const graph_attribution::answer answer = attribution.find(node);
    return {driver.names_of(answer.path), answer.reason};
  }
  // Every op of a replay is where the driver captured it; counts by path and reason.
  std::map<std::pair<names, capture_reason>, int> replay(std::uint32_t executable) {
    std::map<std::pair<names, capture_reason>, int> counts;
    for (const made_graphs::op& op : driver.replay(executable)) {
      const made_graphs::truth one = found(op.node);
      CHECK(one.path == op.expected.path);
      CHECK(one.reason == op.expected.reason);
      ++counts[{one.path, one.reason}];
    }
    return counts;
  }
};

// A graph of 20 nodes: 3 directly in the capture, 12 in "attention", 5 in "attention" > "qk".
std::uint32_t capture_twenty(made_graphs& driver, std::uint64_t thread, const names& around) {
  const std::uint32_t graph = driver.create(thread, around);
  names open = around;
  for (int i = 0; i < 3; ++i) driver.add(thread, graph, open);
  open.push_back("attention");
  for (int i = 0; i < 12; ++i) driver.add(thread, graph, open);
  open.push_back("qk");
  for (int i = 0; i < 5; ++i) driver.add(thread, graph, open);
  return graph;
}

}  // namespace

TEST_CASE("graph_attribution: ops of every replay have the spans of the capture, below its own") {
  fixture f;
  const std::uint32_t graph = capture_twenty(f.driver, 1, {"warm-up", "capture"});
  const std::uint32_t exec = f.driver.instantiate(1, graph);
  const std::map<std::pair<names, capture_reason>, int> expected{
      {{{}, capture_reason::none}, 3},
      {{{"attention"}, capture_reason::none}, 12},
      {{{"attention", "qk"}, capture_reason::none}, 5}};
  for (int i = 0; i < 100; ++i) CHECK(f.replay(exec) == expected);
  // The innermost span, too, and whether a node is new to who asks.
  const std::uint64_t node = made_graphs::number_of(f.driver.instantiate(1, graph), 19);
  const graph_attribution::answer first = f.attribution.find(node);
  CHECK(first.span ==
        static_cast<span_id>(f.driver.path_of({"warm-up", "capture", "attention", "qk"}) + 1));
  CHECK(first.first_time);
  CHECK_FALSE(f.attribution.find(node).first_time);
}

TEST_CASE(
    "graph_attribution: without a graph's creation, what is open where capture began counts") {
  fixture f;
  const names around{"generate", "capture"}, inside{"generate", "capture", "ffn"};
  const auto node = made_graphs::number_of(4, 0);
  SUBCASE("the thread began a capture") {
    f.attribution.capture_began(9, f.driver.path_of(around));
    f.attribution.node_created(9, node, {3, f.driver.path_of(inside)});
    CHECK(f.found(node).path == names{"ffn"});
  }
  SUBCASE("it did not: the whole path") {
    f.attribution.node_created(9, node, {3, f.driver.path_of(inside)});
    CHECK(f.found(node).path == inside);
  }
  SUBCASE("a thread that joins the capture from elsewhere: its whole path") {
    f.attribution.graph_created(9, 4, f.driver.path_of(around));
    f.attribution.node_created(8, node, {3, f.driver.path_of({"worker"})});
    CHECK(f.found(node).path == names{"worker"});
  }
  CHECK(f.found(node).reason == capture_reason::none);
}

TEST_CASE(
    "graph_attribution: a graph built before the start is a bucket, instantiated later or not") {
  fixture f;
  f.driver.announces = false;
  const std::uint32_t old = capture_twenty(f.driver, 1, {});
  const std::uint32_t old_exec = f.driver.instantiate(1, old);
  f.driver.announces = true;
  CHECK(f.replay(old_exec) == std::map<std::pair<names, capture_reason>, int>{
                                  {{{}, capture_reason::graph_before_start}, 20}});
  const std::uint32_t half_new = f.driver.instantiate(1, old);
  CHECK(f.replay(half_new) == std::map<std::pair<names, capture_reason>, int>{
                                  {{{}, capture_reason::graph_before_start}, 20}});
  const std::uint32_t exec = f.driver.instantiate(1, capture_twenty(f.driver, 1, {}));
  CHECK(f.replay(exec).count({{"attention"}, capture_reason::none}) == 1);
  CHECK(f.replay(old_exec).size() == 1);
}

TEST_CASE("graph_attribution: a node that nobody announced is a bucket of its own") {
  fixture f;
  const std::uint32_t exec = f.driver.instantiate(1, capture_twenty(f.driver, 1, {}));
  CHECK(f.found(made_graphs::number_of(exec, 20)).reason == capture_reason::unknown_node);
  CHECK(f.found(made_graphs::number_of(exec + 1, 0)).reason == capture_reason::unknown_node);
}

TEST_CASE(
    "graph_attribution: where handles do not tell, bodies are where their holders were added") {
  fixture f;
  f.driver.tells_moves = false;
  const std::uint32_t child = capture_twenty(f.driver, 1, {"elsewhere"});
  const std::uint32_t graph = f.driver.create(1, {"capture"});
  f.driver.add(1, graph, {"capture", "norm"});
  f.driver.add_child(1, graph, child, {"capture", "layer", "first"});
  const std::uint32_t one = f.driver.instantiate(1, graph);
  CHECK(f.replay(one) == std::map<std::pair<names, capture_reason>, int>{
                             {{{"norm"}, capture_reason::none}, 1},
                             {{{"layer", "first"}, capture_reason::child_graph}, 20}});
  f.driver.add_child(1, graph, child, {"capture", "layer", "second"});
  CHECK(f.replay(f.driver.instantiate(1, graph)) ==
        std::map<std::pair<names, capture_reason>, int>{
            {{{"norm"}, capture_reason::none}, 1}, {{{"layer"}, capture_reason::child_graph}, 40}});

  const std::uint32_t loop = f.driver.create(1, {});
  const std::uint32_t body = f.driver.add_conditional(1, loop, {"while"});
  f.driver.add(1, body, {"while", "step"});
  CHECK(f.replay(f.driver.instantiate(1, loop)) ==
        std::map<std::pair<names, capture_reason>, int>{
            {{{"while"}, capture_reason::conditional}, 1}});
  f.driver.add_child(1, loop, child, {"while"});
  CHECK(f.replay(f.driver.instantiate(1, loop)) ==
        std::map<std::pair<names, capture_reason>, int>{
            {{{"while"}, capture_reason::child_or_conditional}, 21}});
}

TEST_CASE("graph_attribution: ops of bodies are where their holders were added, and below that") {
  using counts = std::map<std::pair<names, capture_reason>, int>;
  constexpr auto known = capture_reason::none;
  fixture f;
  const std::uint32_t child = capture_twenty(f.driver, 1, {"elsewhere"});
  const std::uint32_t graph = f.driver.create(1, {"capture"});
  f.driver.add(1, graph, {"capture", "norm"});
  f.driver.add_child(1, graph, child, {"capture", "layer"});
  f.driver.add_child(1, graph, child, {"capture", "head"});
  const counts twice{{{{"norm"}, known}, 1},
                     {{{"layer"}, known}, 3},
                     {{{"layer", "attention"}, known}, 12},
                     {{{"layer", "attention", "qk"}, known}, 5},
                     {{{"head"}, known}, 3},
                     {{{"head", "attention"}, known}, 12},
                     {{{"head", "attention", "qk"}, known}, 5}};
  const std::uint32_t exec = f.driver.instantiate(1, graph);
  CHECK(f.replay(exec) == twice);
  CHECK(f.replay(f.driver.instantiate(2, graph)) == twice);  // on another thread

  // A conditional node whose body holds a kernel and a child, in which there is another child.
  const std::uint32_t inner = f.driver.create(1, {});
  f.driver.add_child(1, inner, graph, {"deep"});
  const std::uint32_t loop = f.driver.create(1, {});
  const std::uint32_t body = f.driver.add_conditional(1, loop, {"while"});
  f.driver.add(1, body, {"while", "step"});
  f.driver.add_child(1, body, inner, {"while", "step"});
  const counts nested = f.replay(f.driver.instantiate(1, loop));
  CHECK(nested.at({{"while", "step"}, known}) == 1);
  CHECK(nested.at({{"while", "step", "deep", "layer", "attention", "qk"}, known}) == 5);
  CHECK(nested.at({{"while", "step", "deep", "norm"}, known}) == 1);

  // The span of what was captured outside every span is that of the holder.
  const std::uint64_t direct = made_graphs::number_of(exec, 3);
  CHECK(f.attribution.find(direct).span ==
        static_cast<span_id>(f.driver.path_of({"capture", "layer"}) + 1));
  f.driver.destroy(graph);
  f.driver.destroy(child);
  CHECK(f.replay(exec) == twice);
}

TEST_CASE("graph_attribution: a child from before the start is a bucket where it was added") {
  fixture f;
  f.driver.announces = false;
  const std::uint32_t old = capture_twenty(f.driver, 1, {});
  f.driver.announces = true;
  const std::uint32_t graph = f.driver.create(1, {});
  f.driver.add_child(1, graph, old, {"layer"});
  CHECK(f.replay(f.driver.instantiate(1, graph)) ==
        std::map<std::pair<names, capture_reason>, int>{
            {{{"layer"}, capture_reason::graph_before_start}, 20}});
}

TEST_CASE("graph_attribution: handles of nodes that are gone are not asked for") {
  fixture f;
  const std::uint32_t child = capture_twenty(f.driver, 1, {});
  const std::uint32_t graph = f.driver.create(1, {});
  f.driver.add_child(1, graph, child, {"layer"});  // clones that no executable graph is made of
  f.attribution.graph_created(1, 100, -1);
  f.attribution.node_created(1, made_graphs::number_of(100, 0), {});
  f.attribution.node_cloned(1, made_graphs::number_of(100, 0), made_graphs::number_of(child, 0),
                            5000);
  f.attribution.graph_created(1, 101, -1);
  f.attribution.node_created(1, made_graphs::number_of(101, 0), {});
  f.attribution.node_cloned(1, made_graphs::number_of(101, 0), made_graphs::number_of(child, 1),
                            5001);
  f.attribution.node_destroyed(1, 5001);
  f.attribution.executable_created(1, 100, [](std::uint64_t, std::uint64_t&) -> bool {
    FAIL("asked");
    return false;
  });
}

TEST_CASE("graph_attribution: changed nodes keep their spans and are counted once") {
  fixture f;
  const std::uint32_t exec = f.driver.instantiate(1, capture_twenty(f.driver, 1, {}));
  const auto before = f.replay(exec);
  f.driver.update(exec);
  f.driver.update(exec);
  CHECK(f.replay(exec) == before);
  CHECK(f.attribution.take_changed_nodes() == 20);
  CHECK(f.attribution.take_changed_nodes() == 0);
  f.attribution.node_changed(made_graphs::number_of(exec, 400));
  CHECK(f.attribution.take_changed_nodes() == 0);
}

TEST_CASE("graph_attribution: graphs that are rebuilt leave a bounded rest, their late ops known") {
  fixture f(1 << 20, 500);
  std::uint32_t last = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::uint32_t graph = capture_twenty(f.driver, 1, {});
    last = f.driver.instantiate(1, graph);
    f.driver.destroy(graph);
    f.driver.destroy_executable(last);
    CHECK(f.attribution.kept_living() == 0);
    CHECK(f.attribution.kept_destroyed() <= 500);
  }
  CHECK(f.attribution.kept_destroyed() > 400);
  CHECK(f.replay(last).count({{"attention"}, capture_reason::none}) == 1);
  // An op of the first comes after all.
  CHECK(f.found(made_graphs::number_of(2, 3)).reason == capture_reason::not_kept);
  f.attribution.clear();
  CHECK(f.attribution.kept_destroyed() == 0);
  CHECK(f.found(made_graphs::number_of(last, 3)).reason == capture_reason::graph_before_start);
}

TEST_CASE(
    "graph_attribution: where no more can be kept, destroyed graphs go first, then new nodes") {
  fixture f(100, 50);
  const std::uint32_t gone = f.driver.instantiate(1, capture_twenty(f.driver, 1, {}));
  f.driver.destroy_executable(gone);
  const std::uint32_t kept = f.driver.instantiate(1, capture_twenty(f.driver, 1, {}));  // 21 x 4
  const std::uint32_t graph = capture_twenty(f.driver, 1, {});
  CHECK(f.replay(kept).size() == 3);
  CHECK(f.found(made_graphs::number_of(gone, 3)).reason == capture_reason::not_kept);
  const std::uint32_t late = f.driver.instantiate(1, graph);
  CHECK(f.found(made_graphs::number_of(late, 19)).reason == capture_reason::not_kept);
  CHECK_FALSE(f.attribution.find(made_graphs::number_of(late, 19)).first_time);
  CHECK(f.found(made_graphs::number_of(late, UINT32_MAX)).reason == capture_reason::not_kept);
  CHECK(f.replay(kept).size() == 3);
  CHECK(f.attribution.kept_living() + f.attribution.kept_destroyed() <= 100);
}

TEST_CASE("graph_attribution: two threads that capture at once get their own spans") {
  path_table paths;
  graph_attribution attribution(paths);
  const auto capture = [&](std::uint32_t thread, const names& around) {
    made_graphs driver{attribution, paths};
    const std::int32_t base = driver.path_of(around);
    names inside = around;
    inside.push_back("layer");
    const std::int32_t path = driver.path_of(inside);
    for (std::uint32_t round = 0; round < 500; ++round) {
      const std::uint32_t graph = 4 * round + 2 * thread + 1, exec = graph + 1;
      attribution.graph_created(thread, graph, base);
      for (std::uint32_t i = 0; i < 20; ++i)
        attribution.node_created(thread, made_graphs::number_of(graph, i), {thread + 1, path});
      attribution.graph_created(thread, exec, -1);
      for (std::uint32_t i = 0; i < 20; ++i)
        attribution.node_cloned(thread, made_graphs::number_of(exec, i),
                                made_graphs::number_of(graph, i), made_graphs::number_of(exec, i));
      attribution.executable_created(
          thread, exec, [](std::uint64_t handle, std::uint64_t& node) { return node = handle; });
      for (std::uint32_t i = 0; i < 20; ++i) {
        const graph_attribution::answer found = attribution.find(made_graphs::number_of(exec, i));
        REQUIRE(found.span == thread + 1);
        REQUIRE(found.reason == capture_reason::none);
        REQUIRE(driver.names_of(found.path) == names{"layer"});
      }
      attribution.graph_destroyed(graph);
      attribution.graph_destroyed(exec);
    }
  };
  std::thread other(capture, 0, names{"first"});
  capture(1, {"second", "capture"});
  other.join();
  CHECK(attribution.kept_living() == 0);
}

TEST_CASE("graph_attribution: whatever is done with graphs, each op is where it was captured") {
  const bool held = rc::check("counts per path are exact or in a named bucket", [] {
    fixture f;
    const auto open_spans = [] {
      return *rc::gen::resize(
          4, rc::gen::container<names>(rc::gen::element<std::string>("a", "b", "c")));
    };
    std::vector<std::uint32_t> graphs, execs;
    f.driver.announces = false;
    f.driver.tells_moves = *rc::gen::arbitrary<bool>();
    const int steps = *rc::gen::inRange(1, 60), start = *rc::gen::inRange(0, 10);
    std::map<std::pair<names, capture_reason>, int> expected, counted;
    for (int step = 0; step < steps; ++step) {
      if (step == start) f.driver.announces = true;
      const std::uint64_t thread = *rc::gen::inRange<std::uint64_t>(0, 3);
      const auto what = *rc::gen::weightedElement<int>(
          {{2, 0}, {10, 1}, {2, 2}, {2, 3}, {4, 4}, {6, 5}, {1, 6}, {1, 7}, {1, 8}});
      if (what == 0 || graphs.empty()) {
        graphs.push_back(f.driver.create(thread, open_spans()));
        continue;
      }
      const std::uint32_t graph = *rc::gen::elementOf(graphs);
      if (what == 1) f.driver.add(thread, graph, open_spans());
      if (what == 2) f.driver.add_child(thread, graph, *rc::gen::elementOf(graphs), open_spans());
      if (what == 3) (void)f.driver.add_conditional(thread, graph, open_spans());
      if (what == 4) execs.push_back(f.driver.instantiate(thread, graph));
      if (execs.empty()) continue;
      const std::uint32_t exec = *rc::gen::elementOf(execs);
      if (what == 5)
        for (const made_graphs::op& op : f.driver.replay(exec)) {
          const made_graphs::truth one = f.found(op.node);
          RC_ASSERT(one == op.expected);
          ++expected[{op.expected.path, op.expected.reason}];
          ++counted[{one.path, one.reason}];
        }
      if (what == 6) f.driver.update(exec);
      if (what == 7) f.driver.destroy_executable(exec);  // runs to its end all the same
      if (what == 8) f.driver.destroy(graph);            // its executables live on
    }
    RC_ASSERT(counted == expected);
  });
  CHECK(held);
}

TEST_CASE("span_paths: below, joined and common are what they are of the names") {
  path_table table;
  const auto path = [&](std::initializer_list<const char*> all) {
    std::int32_t at = -1;
    for (const char* const name : all) at = table.child(at, name);
    return at;
  };
  CHECK(table.below(path({"a", "b", "c"}), path({"a"})) == path({"b", "c"}));
  CHECK(table.below(path({"a"}), path({"a"})) == -1);
  CHECK(table.below(path({"a", "b"}), -1) == path({"a", "b"}));
  CHECK(table.below(path({"a", "b"}), path({"c"})) == path({"a", "b"}));
  CHECK(table.below(path({"a"}), path({"a", "b"})) == path({"a"}));
  CHECK(table.below(-1, path({"a"})) == -1);
  CHECK(table.joined(path({"x"}), path({"a", "b"})) == path({"x", "a", "b"}));
  CHECK(table.joined(-1, path({"a"})) == path({"a"}));
  CHECK(table.joined(path({"x"}), -1) == path({"x"}));
  CHECK(table.common(path({"a", "b", "c"}), path({"a", "b", "d"})) == path({"a", "b"}));
  CHECK(table.common(path({"a"}), path({"c"})) == -1);
  CHECK(table.common(path({"a", "b"}), path({"a"})) == path({"a"}));
}
