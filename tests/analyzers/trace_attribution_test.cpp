#include "analyzers/timeline/trace_attribution.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "analyzers/timeline/trace_reader.hpp"
#include "latency/device_accounting.hpp"
#include "latency/proof.hpp"
#include "latency/span_tree.hpp"
#include "tests/analyzers/trace_text.hpp"

using namespace latency_test;
using latency::api_call_kind;
using latency::recording;
using latency::unattributed_reason;

namespace {

recording read(const std::vector<traced_interval>& intervals, const std::string& members = "") {
  return latency::parse_trace(trace_of(intervals, members), "t");
}

traced_interval on(traced_interval i, const std::string& process, const std::string& thread) {
  i.process = process;
  i.thread = thread;
  return i;
}

std::string name_of_span(const recording& run, latency::span_id id) {
  for (const latency::span& s : run.spans)
    if (s.id == id) return run.name_of(s);
  return id == 0 ? "none" : "unknown";
}

// "op: span" for each device op, in the order of the file.
std::vector<std::string> attributed(const recording& run) {
  std::vector<std::string> lines;
  for (const latency::device_op& op : run.device_ops)
    lines.push_back(run.strings[op.name] + ": " + name_of_span(run, op.span));
  return lines;
}

latency::proof prove(const recording& run) {
  const latency::span_tree tree(run);
  return latency::make_proof(run, tree, latency::device_accounting(run, tree));
}

using lines = std::vector<std::string>;

}  // namespace

TEST_CASE("trace_attribution: annotations nest on their threads, in whatever order they come") {
  const recording run = read({annotation("inner", "20", "10"), annotation("after", "100", "5"),
                              on(annotation("elsewhere", "25", "1"), "10", "12"),
                              annotation("outer", "10", "90"), annotation("innermost", "22", "3")});
  REQUIRE(run.spans.size() == 5);
  lines found;
  for (const latency::span& s : run.spans)
    found.push_back(run.threads[s.thread].name + " " + run.name_of(s) + " in " +
                    name_of_span(run, s.parent));
  CHECK(found == lines{"11 outer in none", "11 inner in outer", "11 innermost in inner",
                       "11 after in none", "12 elsewhere in none"});
  CHECK(latency::span_tree(run).problems().records == 0);
}

TEST_CASE(
    "trace_attribution: of two annotations that start at once the longer is outside, else the "
    "earlier row") {
  const recording run = read({annotation("outer", "10", "5"), annotation("inner", "10", "5")});
  CHECK(name_of_span(run, run.spans[1].parent) == "outer");
  CHECK(run.name_of(run.spans[1]) == "inner");
  const recording shorter = read({annotation("inner", "10", "2"), annotation("outer", "10", "5")});
  CHECK(name_of_span(shorter, shorter.spans[1].parent) == "outer");
}

TEST_CASE("trace_attribution: an op belongs to the annotation open where its launch starts") {
  const recording run = read({
      annotation("outer", "10", "50"),
      annotation("inner", "20", "10"),
      call("cudaLaunchKernel", "5", "2", "1"),    // before every annotation
      call("cudaLaunchKernel", "12", "15", "2"),  // inner opens while it runs
      call("cudaLaunchKernel", "20", "2", "3"),
      call("cudaLaunchKernel", "30", "2", "4"),  // inner has just closed
      call("cudaLaunchKernel", "60", "2", "5"),  // outer has
      device_op("kernel", "k1", "100", "1", "1"),
      device_op("kernel", "k2", "101", "1", "2"),
      device_op("kernel", "k3", "102", "1", "3"),
      device_op("kernel", "k4", "103", "1", "4"),
      device_op("kernel", "k5", "104", "1", "5"),
  });
  CHECK(attributed(run) == lines{"k1: none", "k2: outer", "k3: inner", "k4: outer", "k5: none"});
  CHECK(run.device_ops[0].reason == unattributed_reason::no_open_span);
  CHECK(run.device_ops[1].reason == unattributed_reason::none);
  const latency::proof proven = prove(run);
  CHECK(proven.clean());
  CHECK(proven.share_ns == 3000);
  CHECK(proven.unattributed_ns == 2000);
}

TEST_CASE("trace_attribution: another thread's annotations do not matter") {
  const recording run =
      read({annotation("main", "0", "100"), on(annotation("autograd", "10", "10"), "10", "12"),
            on(call("cudaLaunchKernel", "15", "1", "1"), "10", "12"),
            on(call("cudaLaunchKernel", "25", "1", "2"), "10", "12"),
            device_op("kernel", "a", "50", "1", "1"), device_op("kernel", "b", "60", "1", "2")});
  CHECK(attributed(run) == lines{"a: autograd", "b: none"});
}

TEST_CASE("trace_attribution: an op without its launch is kept, counted and given a reason") {
  const recording run =
      read({annotation("a", "0", "50"), call("cudaLaunchKernel", "1", "1", "1"),
            device_op("kernel", "k", "5", "2", "1"), device_op("kernel", "orphan", "10", "3", "99"),
            device_op("gpu_memset", "nameless", "20", "4", "0")});
  CHECK(attributed(run) == lines{"k: a", "orphan: none", "nameless: none"});
  CHECK(run.device_ops[1].reason == unattributed_reason::no_launch_record);
  CHECK(run.device_ops[2].reason == unattributed_reason::no_launch_record);
  CHECK(run.hygiene.unmatched_device_ops == 2);
  CHECK(prove(run).unattributed_ns == 7000);
}

TEST_CASE("trace_attribution: a launch that made nothing run is counted, a copy may be empty") {
  const recording run =
      read({call("cudaLaunchKernel", "1", "1", "1"), call("cudaLaunchKernel", "3", "1", "2"),
            call("cudaMemcpyAsync", "5", "1", "3"), call("cudaGraphLaunch", "7", "1", "4"),
            device_op("kernel", "k", "5", "2", "2")});
  CHECK(run.hygiene.unmatched_launches == 1);
}

TEST_CASE("trace_attribution: launches into a graph that is captured are not missed") {
  const recording run =
      read({call("cudaStreamBeginCapture", "1", "1", "1"), call("cudaLaunchKernel", "3", "1", "2"),
            call("cudaStreamEndCapture", "5", "1", "3"), call("cudaLaunchKernel", "7", "1", "4"),
            on(call("cudaLaunchKernel", "3", "1", "5"), "10", "12")});
  CHECK(run.hygiene.unmatched_launches == 2);
}

TEST_CASE("trace_attribution: the ops of one graph launch are one replay under its annotation") {
  const recording run = read({
      annotation("first", "0", "10"),
      annotation("second", "10", "10"),
      call("cudaGraphLaunch", "2", "3", "7"),
      call("cudaGraphLaunch", "12", "3", "8"),
      device_op("kernel", "a", "20", "1", "7", R"("graph id": 3, "graph node id": 4294967297)"),
      device_op("kernel", "b", "21", "1", "7", R"("graph id": 3, "graph node id": 4294967298)"),
      device_op("kernel", "a", "30", "1", "8", R"("graph id": 3, "graph node id": 4294967297)"),
      device_op("kernel", "b", "31", "1", "8", R"("graph id": 3, "graph node id": 4294967298)"),
  });
  CHECK(attributed(run) == lines{"a: first", "b: first", "a: second", "b: second"});
  CHECK(run.device_ops[1].replay == 7);
  CHECK(run.device_ops[2].replay == 8);
  CHECK(run.device_ops[1].graph_node == 4294967298u);
  const latency::proof proven = prove(run);
  CHECK(proven.replays == 2);
  CHECK(proven.replay_ops == 4);
  CHECK(proven.clean());
}

TEST_CASE("trace_attribution: graph launches of traces without node ids are replays, too") {
  const recording run =
      read({call("cudaGraphLaunch", "2", "3", "7"), device_op("kernel", "a", "20", "1", "7"),
            device_op("kernel", "b", "21", "1", "7")});
  CHECK(run.device_ops[0].replay == 7);
  CHECK(run.device_ops[1].replay == 7);
  const latency::proof proven = prove(run);
  CHECK(proven.replays == 1);
  CHECK(proven.ops_complete());
}

TEST_CASE(
    "trace_attribution: annotations that overlap: the one that was opened last is innermost") {
  const recording run = read({
      annotation("a", "10", "10"),
      annotation("b", "15", "20"),  // ends after a, as asynchronous ones do
      annotation("nothing", "16", "0"),
      call("cudaLaunchKernel", "14", "1", "1"),
      call("cudaLaunchKernel", "16", "1", "2"),
      call("cudaLaunchKernel", "25", "1", "3"),
      call("cudaLaunchKernel", "35", "1", "4"),
      device_op("kernel", "k1", "100", "1", "1"),
      device_op("kernel", "k2", "101", "1", "2"),
      device_op("kernel", "k3", "102", "1", "3"),
      device_op("kernel", "k4", "103", "1", "4"),
  });
  CHECK(attributed(run) == lines{"k1: a", "k2: b", "k3: b", "k4: none"});
  const latency::span_tree tree(run);
  CHECK(tree.problems().records == 1);  // b, outside its parent
  for (const latency::thread_account& t : tree.threads()) CHECK(t.exact());
}

TEST_CASE("trace_attribution: calls say what they did and where") {
  const recording run = read({
      annotation("a", "0", "100"),
      call("cudaLaunchKernel", "1", "1", "1"),
      call("cudaEventRecord", "3", "1", "2"),
      call("cudaStreamWaitEvent", "5", "1", "3"),
      call("cudaStreamSynchronize", "7", "1", "4"),
      call("cudaGetDevice", "9", "1", "5"),
      call("cudaMalloc", "11", "1", "6"),
      call("someNewLaunch", "13", "1", "7"),
      device_op("kernel", "k", "20", "1", "1"),
      device_op("kernel", "n", "30", "1", "7"),
      device_op("cuda_sync", "Stream Wait Event", "5", "0", "3",
                R"("wait_on_stream": 7, "wait_on_cuda_event_record_corr_id": 2)"),
      device_op("cuda_sync", "Stream Sync", "7", "1", "4"),
  });
  REQUIRE(run.api_calls.size() == 6);
  const auto& calls = run.api_calls;
  CHECK(calls[0].kind == api_call_kind::launch);
  CHECK(calls[0].device == 0);
  CHECK(calls[0].stream == 7);
  CHECK(calls[1].kind == api_call_kind::event_record);
  CHECK(calls[1].stream == -1);
  CHECK(calls[2].kind == api_call_kind::stream_wait);
  CHECK(calls[2].stream == 7);
  CHECK(calls[2].waits_for == 2);
  CHECK(calls[3].kind == api_call_kind::synchronize);
  CHECK(calls[3].waits_for == 0);
  CHECK(calls[4].kind == api_call_kind::allocate);
  CHECK(calls[5].kind == api_call_kind::launch);  // unknown by name, but a kernel came of it
  for (const latency::api_call& c : calls) CHECK(name_of_span(run, c.span) == "a");
}

TEST_CASE("trace_attribution: what whole microseconds cut off does not push a child outside") {
  // Start and duration were cut down separately: the child seems to end 1 us after its parent.
  const recording cut = read({annotation("outer", "10", "10"), annotation("inner", "15", "6")});
  CHECK(cut.clock.resolution_ns == 1000);
  CHECK(latency::span_tree(cut).problems().records == 0);
  const recording exact =
      read({annotation("outer", "10", "10"), annotation("inner", "15.001", "6")});
  CHECK(exact.clock.resolution_ns == 1);
  CHECK(latency::span_tree(exact).problems().records == 1);
}
