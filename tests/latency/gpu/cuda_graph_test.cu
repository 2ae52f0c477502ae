// Ops of graph replays on a device: under the spans of the capture, exactly, or in a named bucket
// and nothing else.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <latency/cupti.hpp>
#include <latency/detail/cupti_engine.hpp>
#include <latency/device_words.hpp>
#include <latency/latency.hpp>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "accounted.hpp"
#include "work.cuh"

using namespace latency;
using work::accounted;
using work::buffers;
using work::check_clean;
using work::graph;
using work::stream;

namespace {

struct place_counts : std::map<std::string, int> {
  using map::map;
};
doctest::String toString(const place_counts& counts) {
  std::string text = "{";
  for (const auto& [place, count] : counts)
    text += (text.size() > 1 ? ", " : "") + ("\"" + place + "\" " + std::to_string(count));
  return (text + "}").c_str();
}

std::string path_text(const recording& r, std::int32_t path) {
  if (path < 0) return "";
  const span_path& row = r.span_paths.at(static_cast<std::size_t>(path));
  const std::string above = path_text(r, row.parent);
  return above + (above.empty() ? "" : " > ") + r.strings[row.name];
}

// Ops of replays by captured path; with a reason in brackets where that is not exact.
place_counts places_of(const recording& r) {
  std::map<std::uint64_t, std::string> places;
  for (const graph_node& n : r.graph_nodes) {
    std::string text = path_text(r, n.path);
    if (n.reason != capture_reason::none) text += "(" + std::string(to_text(n.reason)) + ")";
    CHECK(places.emplace(n.node, text).second);
  }
  place_counts counts;
  for (const device_op& op : r.device_ops)
    if (op.replay != 0) ++counts[places.count(op.graph_node) ? places[op.graph_node] : "(no row)"];
  return counts;
}

void replay(const graph& g, cudaStream_t on, int times, const char* span = "token") {
  for (int i = 0; i < times; ++i) {
    LATENCY_SCOPE(span);
    CUDA_OK(cudaGraphLaunch(g.exec, on));
  }
}

// 20 nodes: 3 directly in the capture, 12 in "attention", 5 in "attention" > "qk".
void twenty(cudaStream_t on, float* data) {
  const auto launch = [&](int n) {
    for (int i = 0; i < n; ++i) work::small<<<1, 32, 0, on>>>(data);
  };
  launch(3);
  LATENCY_SCOPE("attention");
  launch(12);
  LATENCY_SCOPE("qk");
  launch(5);
}
place_counts twenty_times(int replays) {
  return {{"", 3 * replays}, {"attention", 12 * replays}, {"attention > qk", 5 * replays}};
}

struct fixture {
  fixture() {
    CUDA_OK(cudaFree(nullptr));
    gpu.emplace(run);
    REQUIRE_MESSAGE(gpu->started(), gpu->why_not());
  }
  recording stop() {
    CUDA_OK(cudaDeviceSynchronize());
    return run.stop();
  }
  stream mine;
  buffers memory{4096};
  session run;
  std::optional<cupti::collector> gpu;
};

}  // namespace

TEST_CASE("cupti graphs: 100 replays of 20 nodes are at the spans that captured them") {
  fixture f;
  graph g;
  {
    LATENCY_SCOPE("warm-up");
    LATENCY_SCOPE("capture");
    g.capture(f.mine, [&] { twenty(f.mine, f.memory.device); });
  }
  g.instantiate();
  replay(g, f.mine, 100);
  const recording r = f.stop();
  CHECK(places_of(r) == twenty_times(100));
  for (const device_op& op : r.device_ops) CHECK(op.span != 0);
  const accounted a(r);
  check_clean(r, a);
  CHECK(a.proven.replays == 100);
  CHECK(a.proven.replay_ops == 2000);
  CHECK(std::get<std::string>(r.run.at("graph_attribution")) == "cupti callbacks");
}

TEST_CASE("cupti graphs: kernels that begin early are at their spans, and no time counts twice") {
  fixture f;
  CUDA_OK(cudaMemset(f.memory.device, 0, f.memory.bytes));
  const auto launch = [&](int n) {
    for (int i = 0; i < n; ++i) work::launch_early(work::small_early, 32, f.mine, f.memory.device);
  };
  graph g;
  {
    LATENCY_SCOPE("capture");
    g.capture(f.mine, [&] {
      launch(10);
      LATENCY_SCOPE("ffn");
      launch(10);
    });
  }
  g.instantiate();
  replay(g, f.mine, 100);
  {
    LATENCY_SCOPE("stream");
    launch(100);
  }
  const recording r = f.stop();
  CHECK(places_of(r) == place_counts{{"", 1000}, {"ffn", 1000}});
  check_clean(r, accounted(r));
  float sum = 0;
  CUDA_OK(cudaMemcpy(&sum, f.memory.device, sizeof sum, cudaMemcpyDeviceToHost));
  CHECK(sum == 2100);
}

TEST_CASE("cupti graphs: copies and memsets are nodes like kernels; explicit nodes, too") {
  fixture f;
  graph g;
  {
    LATENCY_SCOPE("build");
    CUDA_OK(cudaGraphCreate(&g.handle, 0));
    LATENCY_SCOPE("fill");
    cudaMemsetParams fill{};
    fill.dst = f.memory.device;
    fill.elementSize = 4;
    fill.width = 16;
    fill.height = 1;
    cudaGraphNode_t filled = nullptr, copied = nullptr;
    CUDA_OK(cudaGraphAddMemsetNode(&filled, g.handle, nullptr, 0, &fill));
    LATENCY_SCOPE("copy");
    CUDA_OK(cudaGraphAddMemcpyNode1D(&copied, g.handle, &filled, 1, f.memory.host, f.memory.device,
                                     64, cudaMemcpyDeviceToHost));
  }
  g.instantiate();
  replay(g, f.mine, 5);
  const recording r = f.stop();
  CHECK(places_of(r) == place_counts{{"fill", 5}, {"fill > copy", 5}});
  check_clean(r, accounted(r));
}

TEST_CASE(
    "cupti graphs: an updated graph stays with the spans of its first capture, and is counted") {
  fixture f;
  graph g, other;
  g.capture(f.mine, [&] { twenty(f.mine, f.memory.device); });
  g.instantiate();
  replay(g, f.mine, 10);
  other.capture(f.mine, [&] {
    LATENCY_SCOPE("second capture");
    for (int i = 0; i < 20; ++i) work::small<<<1, 64, 0, f.mine>>>(f.memory.device);
  });
  cudaGraphExecUpdateResultInfo updated{};
  CUDA_OK(cudaGraphExecUpdate(g.exec, other.handle, &updated));
  replay(g, f.mine, 10);
  const recording r = f.stop();
  CHECK(places_of(r) == twenty_times(20));
  CHECK(r.hygiene.changed_graph_nodes == 20);
}

TEST_CASE("cupti graphs: a node whose parameters change stays with its span") {
  fixture f;
  graph g;
  g.capture(f.mine, [&] { twenty(f.mine, f.memory.device); });
  g.instantiate();
  std::vector<cudaGraphNode_t> nodes(20);
  std::size_t count = nodes.size();
  CUDA_OK(cudaGraphGetNodes(g.handle, nodes.data(), &count));
  REQUIRE(count == 20);
  for (int i = 0; i < 10; ++i) {
    cudaKernelNodeParams params{};
    CUDA_OK(cudaGraphKernelNodeGetParams(nodes[3], &params));
    params.blockDim = dim3(static_cast<unsigned>(32 + i));
    CUDA_OK(cudaGraphExecKernelNodeSetParams(g.exec, nodes[3], &params));
    replay(g, f.mine, 1);
  }
  const recording r = f.stop();
  CHECK(places_of(r) == twenty_times(10));
  CHECK(r.hygiene.changed_graph_nodes == 1);
}

TEST_CASE("cupti graphs: ops of child graphs are where these were added, and below that") {
  fixture f;
  graph child, middle, g;
  {
    LATENCY_SCOPE("elsewhere");
    child.capture(f.mine, [&] { twenty(f.mine, f.memory.device); });
  }
  const auto add = [](const graph& to, const graph& one) {
    cudaGraphNode_t node = nullptr;
    CUDA_OK(cudaGraphAddChildGraphNode(&node, to.handle, nullptr, 0, one.handle));
  };
  {
    LATENCY_SCOPE("middle");
    CUDA_OK(cudaGraphCreate(&middle.handle, 0));
    LATENCY_SCOPE("inner");
    add(middle, child);
  }
  {
    LATENCY_SCOPE("build");
    CUDA_OK(cudaGraphCreate(&g.handle, 0));
    for (const char* const name : {"first", "second"}) {
      LATENCY_SCOPE(name);
      add(g, child);
    }
    LATENCY_SCOPE("nested");
    add(g, middle);
  }
  g.instantiate();
  replay(g, f.mine, 10);
  const recording r = f.stop();
  place_counts expected;
  for (const std::string holder : {"first", "second", "nested > inner"})
    for (const auto& [place, count] : twenty_times(10))
      expected[holder + (place.empty() ? "" : " > " + place)] = count;
  CHECK(places_of(r) == expected);
  CHECK(r.hygiene.changed_graph_nodes == 0);
  check_clean(r, accounted(r));
}

#if CUDART_VERSION >= 12040
__global__ void count_down(cudaGraphConditionalHandle again, int* left) {
  cudaGraphSetConditional(again, --*left > 0 ? 1 : 0);
}

TEST_CASE("cupti graphs: what a conditional node runs is of no launch, and where it was captured") {
  fixture f;
  graph g;
  int* left = reinterpret_cast<int*>(f.memory.device);
  {
    LATENCY_SCOPE("build");
    CUDA_OK(cudaGraphCreate(&g.handle, 0));
    LATENCY_SCOPE("while");
    cudaGraphConditionalHandle again{};
    CUDA_OK(cudaGraphConditionalHandleCreate(&again, g.handle, 1, cudaGraphCondAssignDefault));
    cudaGraphNodeParams params{};
    params.type = cudaGraphNodeTypeConditional;
    params.conditional.handle = again;
    params.conditional.type = cudaGraphCondTypeWhile;
    params.conditional.size = 1;
    cudaGraphNode_t node = nullptr;
#if CUDART_VERSION >= 13000
    CUDA_OK(cudaGraphAddNode(&node, g.handle, nullptr, nullptr, 0, &params));
#else
    CUDA_OK(cudaGraphAddNode(&node, g.handle, nullptr, 0, &params));
#endif
    LATENCY_SCOPE("body");
    CUDA_OK(cudaStreamBeginCaptureToGraph(f.mine, params.conditional.phGraph_out[0], nullptr,
                                          nullptr, 0, cudaStreamCaptureModeThreadLocal));
    count_down<<<1, 1, 0, f.mine>>>(again, left);
    CUDA_OK(cudaStreamEndCapture(f.mine, nullptr));
  }
  g.instantiate();
  for (int i = 0; i < 3; ++i) {
    const int rounds = 4;
    CUDA_OK(cudaMemcpyAsync(left, &rounds, sizeof rounds, cudaMemcpyHostToDevice, f.mine));
    replay(g, f.mine, 1);
    f.mine.wait();
  }
  const recording r = f.stop();
  place_counts counts;
  std::map<std::uint64_t, std::string> places;
  for (const graph_node& n : r.graph_nodes)
    places[n.node] = path_text(r, n.path) + "(" + std::string(to_text(n.reason)) + ")";
  for (const device_op& op : r.device_ops)
    if (op.graph_node != 0)
      ++counts[places[op.graph_node] + ", " + std::string(to_text(op.reason)) + ", " +
               (op.replay == 0 ? "no replay" : "a replay")];
  CHECK(counts == place_counts{{"while > body(none), conditional_body, no replay", 12}});
  const accounted a(r);
  CHECK(a.proven.ops_complete());
  CHECK(r.hygiene.unmatched_device_ops == 0);
}
#endif

TEST_CASE("cupti graphs: a graph of before the start is a bucket") {
  CUDA_OK(cudaFree(nullptr));
  graph g;
  {
    stream early;
    buffers memory(4096);
    g.capture(early, [&] { twenty(early, memory.device); });
    g.instantiate();
    fixture f;
    replay(g, f.mine, 3);
    const recording r = f.stop();
    CHECK(places_of(r) == place_counts{{"(graph_before_start)", 60}});
    check_clean(r, accounted(r));
  }
}

TEST_CASE("cupti graphs: two threads that capture at once get their own spans") {
  fixture f;
  static const char* const names[] = {"first", "second"};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([t] {
      const stream mine;
      const buffers memory(4096);
      for (int round = 0; round < 20; ++round) {
        graph g;
        g.capture(
            mine,
            [&] {
              LATENCY_SCOPE(names[t]);
              for (int i = 0; i <= t; ++i) work::small<<<1, 32, 0, mine>>>(memory.device);
            },
            cudaStreamCaptureModeThreadLocal);
        g.instantiate();
        replay(g, mine, 5, names[t]);
        mine.wait();
      }
    });
  for (std::thread& t : threads) t.join();
  const recording r = f.stop();
  CHECK(places_of(r) == place_counts{{"first", 100}, {"second", 200}});
  std::map<std::uint64_t, std::string> launched;
  std::map<span_id, std::string> spans;
  for (const span& s : r.spans) spans[s.id] = r.name_of(s);
  for (const graph_node& n : r.graph_nodes) launched[n.node] = path_text(r, n.path);
  for (const device_op& op : r.device_ops) CHECK(launched[op.graph_node] == spans[op.span]);
}

TEST_CASE("cupti graphs: destroyed and rebuilt 1000 times, exact and nothing left behind") {
  fixture f;
  for (int round = 0; round < 1000; ++round) {
    graph g;
    g.capture(f.mine, [&] { twenty(f.mine, f.memory.device); });
    g.instantiate();
    replay(g, f.mine, 1);  // may run after the graph is gone
  }
  f.mine.wait();
  const detail::graph_attribution& kept = *detail::cupti_engine::instance().graphs();
  MESSAGE("kept: ", kept.kept_living(), " of graphs that live, ", kept.kept_destroyed(),
          " of those that do not");
  CHECK(kept.kept_living() == 0);
  const recording r = f.stop();
  CHECK(places_of(r) == twenty_times(1000));
  check_clean(r, accounted(r));
}

namespace {

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t all = 0, resident = 0;
  statm >> all >> resident;
  return resident * 4096;
}

}  // namespace

TEST_CASE("cupti graphs: 10 million kernels under replay in constant memory, none dropped") {
  constexpr int nodes = 100, replays = 100'000;
  CUDA_OK(cudaFree(nullptr));
  const stream mine;
  const buffers memory(4096);
  session run;
  cupti::options totals;
  totals.mode = cupti::collector_mode::aggregate;
  cupti::collector gpu{run, totals};
  REQUIRE_MESSAGE(gpu.started(), gpu.why_not());
  graph g;
  g.capture(mine, [&] {
    LATENCY_SCOPE("attention");
    for (int i = 0; i < nodes; ++i) work::small<<<1, 32, 0, mine>>>(memory.device);
  });
  g.instantiate();
  std::size_t after_a_tenth = 0;
  {
    LATENCY_SCOPE("token");
    for (int i = 0; i < replays; ++i) {
      CUDA_OK(cudaGraphLaunch(g.exec, mine));
      if (i % 100 == 99) mine.wait();
      if (i == replays / 10) after_a_tenth = resident_bytes();
    }
  }
  const std::size_t at_the_end = resident_bytes();
  MESSAGE("resident: ", after_a_tenth >> 20, " MiB after a tenth, ", at_the_end >> 20,
          " at the end");
  CHECK(at_the_end < after_a_tenth + (std::size_t{32} << 20));
  const recording r = run.stop();
  std::map<std::string, std::int64_t> counts;
  for (const device_total& t : r.device_totals) counts[path_text(r, t.path)] += t.count;
  CHECK(counts ==
        std::map<std::string, std::int64_t>{{"token > attention", std::int64_t{nodes} * replays}});
  CHECK(r.hygiene.dropped_device_ops == 0);
  CHECK(r.hygiene.unmatched_device_ops == 0);
}
