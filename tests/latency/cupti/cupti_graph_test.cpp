// A collector and graphs, against a libcupti that tells what a driver would: what is announced
// while a graph is captured and instantiated, and the kernels of its replays.
#include <doctest/doctest.h>

#include <cstdlib>
#include <latency/cupti.hpp>
#include <latency/device_words.hpp>
#include <latency/latency.hpp>
#include <latency/proof.hpp>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "fake_cupti.hpp"

using namespace latency;

namespace {

constexpr CUpti_CallbackId launch_kernel = 1, launch_graph = 2;

// Announces graphs and launches as the driver does on the calling thread.
class fake_driver {
 public:
  explicit fake_driver(fake_cupti& fake) : fake_(fake) {}

  void begin_capture(std::uint64_t graph) {
    CUpti_CallbackData call{};
    call.callbackSite = CUPTI_API_ENTER;
    fake_.callback(fake_.user, CUPTI_CB_DOMAIN_RUNTIME_API,
                   CUPTI_RUNTIME_TRACE_CBID_cudaStreamBeginCapture_v10000, &call);
    if (announces_graphs) announce(CUPTI_CBID_RESOURCE_GRAPH_CREATED, graph);
    graph_ = graph, nodes_ = 0;
  }
  // A launch on a stream that captures.
  void capture_kernel() {
    api(launch_kernel, CUPTI_API_ENTER, ++correlation_);
    create(graph_, nodes_++, CU_GRAPH_NODE_TYPE_KERNEL);
    api(launch_kernel, CUPTI_API_EXIT, correlation_);
  }
  void add(CUgraphNodeType type) { create(graph_, nodes_++, type); }
  // With a body of one node in each node that holds one, a graph with the number that follows.
  void instantiate(std::uint64_t executable, bool holds_bodies = false) {
    announce(CUPTI_CBID_RESOURCE_GRAPH_CREATED, executable);
    for (std::uint64_t i = 0; i < nodes_; ++i) {
      const bool holds = holds_bodies && i + 1 == nodes_;
      begin(executable, holds ? CU_GRAPH_NODE_TYPE_GRAPH : CU_GRAPH_NODE_TYPE_KERNEL);
      if (holds) {
        announce(CUPTI_CBID_RESOURCE_GRAPH_CREATED, executable + 1);
        create(executable + 1, 0, CU_GRAPH_NODE_TYPE_KERNEL);
        node(CUPTI_CBID_RESOURCE_GRAPHNODE_CLONED, executable + 1, 0, body_ << 32);
      }
      node(CUPTI_CBID_RESOURCE_GRAPHNODE_CREATED, executable, i);
      node(CUPTI_CBID_RESOURCE_GRAPHNODE_CLONED, executable, i, graph_ << 32 | i);
    }
    if (holds_bodies) {
      node(CUPTI_CBID_RESOURCE_GRAPHNODE_DESTROY_STARTING, executable, nodes_ - 1);
      announce(CUPTI_CBID_RESOURCE_GRAPH_DESTROY_STARTING, executable + 1);
      fake_.moved[(executable + 1) << 32] = executable << 32 | nodes_;
    }
    CUpti_GraphData data{};
    data.graphExec = handle<CUgraphExec>(executable);
    resource(CUPTI_CBID_RESOURCE_GRAPHEXEC_CREATED, data);
  }
  void destroy(std::uint64_t executable) {
    announce(CUPTI_CBID_RESOURCE_GRAPH_DESTROY_STARTING, executable);
  }
  // What was captured becomes the body of nodes that are added to graphs from here on.
  void use_as_body() { body_ = graph_; }
  // An op of a conditional node's body: without a correlation.
  void run_conditional(std::uint64_t node) {
    const std::uint32_t correlation = std::exchange(correlation_, 0);
    ran(node);
    correlation_ = correlation;
  }
  // The nodes run as kernels; `more` besides those that were announced.
  void replay(std::uint64_t executable, std::uint64_t more = 0) {
    api(launch_graph, CUPTI_API_ENTER, ++correlation_);
    api(launch_graph, CUPTI_API_EXIT, correlation_);
    for (std::uint64_t i = 0; i < nodes_ + more; ++i) ran(executable << 32 | i);
  }
  void launch() {
    api(launch_kernel, CUPTI_API_ENTER, ++correlation_);
    api(launch_kernel, CUPTI_API_EXIT, correlation_);
    ran(0);
  }
  void set_params(std::uint64_t executable, std::uint64_t index) {
    node(CUPTI_CBID_RESOURCE_GRAPH_NODE_SET_PARAMS, executable, index);
  }
  // What ran is delivered by the next flush.
  void deliver() {
    deliver_kernels(ran_.data(), ran_.size());
    ran_.clear();
  }

  bool announces_graphs = true;

 private:
  template <class Handle>
  [[nodiscard]] static Handle handle(std::uint64_t number) {
    return reinterpret_cast<Handle>(number);
  }
  void resource(CUpti_CallbackId id, CUpti_GraphData& what) {
    CUpti_ResourceData data{};
    data.resourceDescriptor = &what;
    fake_.callback(fake_.user, CUPTI_CB_DOMAIN_RESOURCE, id, &data);
  }
  void announce(CUpti_CallbackId id, std::uint64_t graph) {
    CUpti_GraphData data{};
    data.graph = handle<CUgraph>(graph);
    resource(id, data);
  }
  // What a node is, is said only here.
  void begin(std::uint64_t graph, CUgraphNodeType type) {
    CUpti_GraphData data{};
    data.graph = handle<CUgraph>(graph);
    data.nodeType = type;
    resource(CUPTI_CBID_RESOURCE_GRAPHNODE_CREATE_STARTING, data);
  }
  void node(CUpti_CallbackId id, std::uint64_t graph, std::uint64_t index,
            std::uint64_t original = 0) {
    CUpti_GraphData data{};
    data.node = handle<CUgraphNode>(graph << 32 | index);
    data.originalNode = handle<CUgraphNode>(original);
    resource(id, data);
  }
  void create(std::uint64_t graph, std::uint64_t index, CUgraphNodeType type) {
    begin(graph, type);
    node(CUPTI_CBID_RESOURCE_GRAPHNODE_CREATED, graph, index);
  }
  void api(CUpti_CallbackId id, CUpti_ApiCallbackSite site, std::uint32_t correlation) {
    CUpti_CallbackData call{};
    call.callbackSite = site;
    call.correlationId = correlation;
    fake_.callback(fake_.user, CUPTI_CB_DOMAIN_DRIVER_API, id, &call);
  }
  void ran(std::uint64_t node) {
    CUpti_ActivityKernel9 kernel{};
    kernel.kind = CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL;
    time_ns_ += 100;
    kernel.start = time_ns_;
    kernel.end = time_ns_ + 50;
    kernel.correlationId = correlation_;
    kernel.name = "k";
    kernel.graphNodeId = node;
    ran_.push_back(kernel);
  }

  fake_cupti& fake_;
  std::vector<CUpti_ActivityKernel9> ran_;
  std::uint64_t graph_ = 0, body_ = 0, nodes_ = 0, time_ns_ = 1000;
  std::uint32_t correlation_ = 0;
};

std::string path_text(const recording& r, std::int32_t path) {
  if (path < 0) return "";
  const span_path& row = r.span_paths.at(static_cast<std::size_t>(path));
  const std::string above = path_text(r, row.parent);
  return above + (above.empty() ? "" : " > ") + r.strings[row.name];
}

// How many ops of replays ran under each captured path, or for which reason it is not known.
std::map<std::string, int> counts_of(const recording& r) {
  std::map<std::uint64_t, std::string> places;
  for (const graph_node& n : r.graph_nodes)
    CHECK(places
              .emplace(n.node,
                       n.reason == capture_reason::none
                           ? path_text(r, n.path)
                           : path_text(r, n.path) + "(" + std::string(to_text(n.reason)) + ")")
              .second);
  std::map<std::string, int> counts;
  for (const device_op& op : r.device_ops)
    if (op.replay != 0) ++counts[places.at(op.graph_node)];
  return counts;
}

struct collected {
  collected() {
    setenv("LATENCY_CUPTI", FAKE_CUPTI, 1);
    the_fake_cupti() = {};
    gpu.emplace(run);
    REQUIRE_MESSAGE(gpu->started(), gpu->why_not());
  }
  session run;
  std::optional<cupti::collector> gpu;
  fake_driver driver{the_fake_cupti()};
};

// 3 kernels in the capture, 4 in "attention".
void capture(fake_driver& driver, std::uint64_t graph) {
  LATENCY_SCOPE("capture");
  driver.begin_capture(graph);
  for (int i = 0; i < 3; ++i) driver.capture_kernel();
  LATENCY_SCOPE("attention");
  for (int i = 0; i < 4; ++i) driver.capture_kernel();
}

}  // namespace

TEST_CASE("cupti: what a replay runs is below its launch, at the spans of the capture") {
  collected c;
  SUBCASE("where the driver announces graphs") {}
  SUBCASE("where it only says that a stream begins to capture") {
    c.driver.announces_graphs = false;
  }
  {
    LATENCY_SCOPE("warm-up");
    capture(c.driver, 5);
  }
  c.driver.instantiate(6);
  for (int i = 0; i < 10; ++i) {
    LATENCY_SCOPE("token");
    c.driver.replay(6);
    c.driver.launch();
  }
  c.driver.deliver();
  const recording r = c.run.stop();
  CHECK(counts_of(r) == std::map<std::string, int>{{"", 30}, {"attention", 40}});
  for (const graph_node& n : r.graph_nodes) CHECK(n.span != 0);
  for (const device_op& op : r.device_ops) CHECK(op.span != 0);
  CHECK(std::get<std::string>(r.run.at("graph_attribution")) == "cupti callbacks");
  const span_tree tree(r);
  const proof proven = make_proof(r, tree, device_accounting(r, tree));
  CHECK(proven.ops_recorded == 80);
  CHECK(proven.replays == 10);
  CHECK(proven.replay_ops == 70);
  CHECK(proven.launches == 10);
  CHECK(r.hygiene.unmatched_launches == 0);  // captured launches never ran
  CHECK(r.hygiene.unmatched_device_ops == 0);
}

TEST_CASE("cupti: without a replay a recording is what it was") {
  collected c;
  capture(c.driver, 5);
  c.driver.launch();
  c.driver.deliver();
  const recording r = c.run.stop();
  CHECK(r.device_ops.size() == 1);
  CHECK(r.graph_nodes.empty());
  CHECK(r.span_paths.empty());
  CHECK(r.run.count("graph_attribution") == 0);
}

TEST_CASE("cupti: bodies, changes, graphs from before the start, and the session after") {
  collected c;
  capture(c.driver, 3);
  c.driver.use_as_body();
  {
    LATENCY_SCOPE("capture");
    c.driver.begin_capture(5);
    c.driver.add(CU_GRAPH_NODE_TYPE_EMPTY);
    c.driver.capture_kernel();
    LATENCY_SCOPE("layer");
    c.driver.add(CU_GRAPH_NODE_TYPE_GRAPH);
  }
  bool moves = true;
  SUBCASE("whose nodes move into the executable graph") {}
  SUBCASE("of which nothing is told") {
    moves = false;
  }
  c.driver.instantiate(6, moves);
  {
    LATENCY_SCOPE("token");
    c.driver.replay(6, 1);  // a kernel in the child
    c.driver.replay(2);     // of before the start
    c.driver.set_params(6, 1);
    c.driver.set_params(6, 1);
    c.driver.run_conditional(std::uint64_t{6} << 32 | 1);
  }
  c.driver.destroy(6);
  c.driver.deliver();
  const recording r = c.run.stop();
  // The fake runs the empty node and the child itself, too.
  std::map<std::string, int> expected{{"", 2}, {"layer", 1}, {"(graph_before_start)", 3}};
  ++expected[moves ? "layer" : "layer(child_graph)"];
  CHECK(counts_of(r) == expected);
  CHECK(r.hygiene.changed_graph_nodes == 1);
  // No launch is known for it, and none is missed.
  const span_tree tree(r);
  const proof proven = make_proof(r, tree, device_accounting(r, tree));
  CHECK(proven.ops_complete());
  CHECK(proven.launches == 0);
  CHECK(r.hygiene.unmatched_device_ops == 0);
  int conditional = 0;
  for (const device_op& op : r.device_ops) {
    if (op.reason != unattributed_reason::conditional_body) continue;
    ++conditional;
    CHECK(op.span == 0);
    CHECK(op.replay == 0);
    CHECK(op.graph_node == (std::uint64_t{6} << 32 | 1));
  }
  CHECK(conditional == 1);

  c.gpu.reset();
  session next;  // what an earlier collector saw is before its start
  cupti::collector again{next};
  REQUIRE(again.started());
  {
    LATENCY_SCOPE("token");
    c.driver.replay(6);
  }
  c.driver.deliver();
  CHECK(counts_of(next.stop()) == std::map<std::string, int>{{"(graph_before_start)", 3}});
}

TEST_CASE("cupti: two collectors of one session know the paths of their own captures") {
  collected c;
  capture(c.driver, 5);
  c.driver.instantiate(6);
  {
    LATENCY_SCOPE("token");
    c.driver.replay(6);
  }
  c.driver.deliver();
  c.gpu.reset();
  c.gpu.emplace(c.run);
  REQUIRE(c.gpu->started());
  {
    LATENCY_SCOPE("other");
    capture(c.driver, 7);
  }
  c.driver.instantiate(8);
  {
    LATENCY_SCOPE("token");
    c.driver.replay(8);
  }
  c.driver.deliver();
  CHECK(counts_of(c.run.stop()) == std::map<std::string, int>{{"", 6}, {"attention", 8}});
}

TEST_CASE("cupti: totals of a replay stand below the launch and the capture") {
  setenv("LATENCY_CUPTI", FAKE_CUPTI, 1);
  the_fake_cupti() = {};
  session run;
  cupti::options totals;
  totals.mode = cupti::collector_mode::aggregate;
  cupti::collector gpu{run, totals};
  REQUIRE_MESSAGE(gpu.started(), gpu.why_not());
  fake_driver driver{the_fake_cupti()};
  capture(driver, 5);
  driver.instantiate(6);
  for (int i = 0; i < 10; ++i) {
    LATENCY_SCOPE("token");
    driver.replay(6, 1);
    driver.run_conditional(std::uint64_t{6} << 32 | 3);
  }
  driver.deliver();
  const recording r = run.stop();
  std::map<std::string, std::int64_t> counts;
  for (const device_total& t : r.device_totals) counts[path_text(r, t.path)] += t.count;
  CHECK(counts ==
        std::map<std::string, std::int64_t>{{"token", 30},
                                            {"token > attention", 40},
                                            {"token > (unknown node)", 10},
                                            {"attention", 10}});  // of launches that are not known
}
