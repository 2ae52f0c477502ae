#include "analyzers/timeline/launch_matching.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "analyzers/timeline/trace_reader.hpp"
#include "latency/device_accounting.hpp"
#include "latency/proof.hpp"
#include "latency/span_tree.hpp"
#include "tests/analyzers/trace_text.hpp"

using namespace latency_test;
using latency::recording;

namespace {

recording read(const std::vector<traced_interval>& intervals) {
  return latency::parse_trace(trace_of(intervals), "t");
}

traced_interval on(traced_interval i, const std::string& process, const std::string& thread) {
  i.process = process;
  i.thread = thread;
  return i;
}

// Two ranks of one program: processes 10 and 20 under an annotation each.
traced_interval rank(int index, const std::string& start, const std::string& duration) {
  return on(annotation("rank " + std::to_string(index), start, duration),
            std::to_string(10 * (index + 1)), "1");
}
traced_interval call_of(int index, const std::string& name, const std::string& start,
                        const std::string& correlation) {
  return on(call(name, start, "1", correlation), std::to_string(10 * (index + 1)), "1");
}
traced_interval op_on(int device, const std::string& name, const std::string& start,
                      const std::string& correlation) {
  return {"kernel",
          name,
          start,
          "1",
          "\"device\": " + std::to_string(device) + ", \"correlation\": " + correlation,
          std::to_string(device),
          "7"};
}

// "op: span" for each device op, in the order of the file.
using lines = std::vector<std::string>;
lines attributed(const recording& run) {
  lines found;
  for (const latency::device_op& op : run.device_ops) {
    std::string name = "none";
    for (const latency::span& s : run.spans)
      if (s.id == op.span) name = run.name_of(s);
    found.push_back(run.strings[op.name] + ": " + name);
  }
  return found;
}

latency::proof prove(const recording& run) {
  const latency::span_tree tree(run);
  return latency::make_proof(run, tree, latency::device_accounting(run, tree));
}

}  // namespace

TEST_CASE("launch_matching: processes that number their calls alike are told apart by time") {
  const recording run = read({
      on(annotation("rank 0", "0", "10"), "10", "11"),
      on(annotation("rank 1", "100", "10"), "20", "21"),
      on(call("cudaLaunchKernel", "105", "1", "1"), "20", "21"),
      on(call("cudaLaunchKernel", "5", "1", "1"), "10", "11"),
      device_op("kernel", "late", "108", "1", "1"),
      device_op("kernel", "early", "8", "1", "1"),
  });
  CHECK(attributed(run) == lines{"late: rank 1", "early: rank 0"});
  CHECK(run.device_ops[0].correlation != run.device_ops[1].correlation);
  const latency::proof proven = prove(run);
  CHECK(proven.ops_complete());
  CHECK(proven.op_problems.records == 0);
}

TEST_CASE("launch_matching: a driver call inside a runtime call is not a second launch") {
  const recording run = read({
      call("cudaLaunchKernel", "5", "10", "3"),
      {"cuda_driver", "cuLaunchKernel", "7", "5", R"("correlation": 3)"},
      device_op("kernel", "k", "20", "1", "3"),
  });
  REQUIRE(run.api_calls.size() == 1);
  CHECK(run.strings[run.api_calls[0].name] == "cudaLaunchKernel");
  CHECK(run.hygiene.unmatched_launches == 0);
}

TEST_CASE("launch_matching: ranks that number alike and share a device's number take turns") {
  const recording run = read({
      rank(0, "0", "100"),
      rank(1, "0", "100"),
      call_of(0, "cudaLaunchKernel", "5", "1"),
      call_of(1, "cudaLaunchKernel", "6", "1"),
      op_on(0, "first", "10", "1"),
      op_on(0, "second", "11", "1"),
  });
  CHECK(attributed(run) == lines{"first: rank 0", "second: rank 1"});
  CHECK(run.hygiene.unmatched_launches == 0);
  CHECK(prove(run).clean());
}

TEST_CASE(
    "launch_matching: where nearly all ops of a device are one process's, the rest are, too") {
  std::vector<traced_interval> all = {rank(0, "0", "1000"), rank(1, "0", "1000")};
  lines expected;
  for (int i = 1; i <= 8; ++i) {
    const std::string n = std::to_string(i);
    const int at = 10 * i;
    all.push_back(call_of(0, "cudaLaunchKernel", std::to_string(at), n));
    all.push_back(call_of(1, "cudaLaunchKernel", std::to_string(at + 1), n));
    // Twice the device of rank 0 is the later one, though its launch was earlier.
    const bool swapped = i == 3 || i == 8;
    all.push_back(op_on(0, "k" + n, std::to_string(swapped ? at + 8 : at + 5), n));
    all.push_back(op_on(1, "k" + n, std::to_string(at + 6), n));
    expected.push_back("k" + n + ": rank 0");
    expected.push_back("k" + n + ": rank 1");
  }
  const recording run = read(all);
  CHECK(attributed(run) == expected);
  CHECK(prove(run).clean());
  for (std::size_t i = 0; i < run.device_ops.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      CHECK(run.device_ops[i].correlation != run.device_ops[j].correlation);
}

TEST_CASE("launch_matching: copies come of calls that copy, whoever called last") {
  traced_interval copy = op_on(0, "copy", "20", "1");
  copy.category = "gpu_memcpy";
  const recording run = read({
      rank(0, "0", "100"),
      rank(1, "0", "100"),
      call_of(0, "cudaMemcpyAsync", "5", "1"),
      call_of(1, "cudaLaunchKernel", "6", "1"),
      copy,
      op_on(0, "kernel", "10", "1"),
  });
  CHECK(attributed(run) == lines{"copy: rank 0", "kernel: rank 1"});
}

TEST_CASE("launch_matching: of graphs launched under one number each has every node once") {
  const auto node = [](traced_interval op, int id) {
    op.arguments += ", \"graph node id\": " + std::to_string(id);
    return op;
  };
  const recording run = read({
      rank(0, "0", "100"),
      rank(1, "0", "100"),
      call_of(0, "cudaGraphLaunch", "5", "1"),
      call_of(1, "cudaGraphLaunch", "6", "1"),
      node(op_on(0, "a", "10", "1"), 1),
      node(op_on(0, "a", "11", "1"), 1),
      node(op_on(0, "b", "12", "1"), 2),
      node(op_on(0, "b", "13", "1"), 2),
  });
  CHECK(attributed(run) == lines{"a: rank 0", "a: rank 1", "b: rank 0", "b: rank 1"});
  CHECK(run.device_ops[0].replay == run.device_ops[2].replay);
  CHECK(run.device_ops[0].replay != run.device_ops[1].replay);
  CHECK(prove(run).replays == 2);
}

TEST_CASE("launch_matching: a number that was used again belongs to its last call by then") {
  const recording run = read({
      annotation("old", "0", "10"),
      annotation("new", "1000", "10"),
      call("cudaLaunchKernel", "5", "1", "1"),  // its kernel was dropped
      call("cudaLaunchKernel", "1005", "1", "1"),
      device_op("kernel", "k", "1010", "1", "1"),
      device_op("kernel", "unknown", "1020", "1", "7"),
  });
  CHECK(attributed(run) == lines{"k: new", "unknown: none"});
  CHECK(run.hygiene.unmatched_launches == 1);
  CHECK(run.hygiene.unmatched_device_ops == 1);
  CHECK(prove(run).op_problems.records == 1);  // a new number is none that an op already has
}

TEST_CASE("launch_matching: driver calls inside runtime calls, of processes that run at once") {
  traced_interval driver = {"cuda_driver", "cuLaunchKernel", "7", "5", R"("correlation": 3)"};
  traced_interval other = on(call("cudaLaunchKernel", "6", "9", "3"), "20", "1");
  const recording run =
      read({call("cudaLaunchKernel", "5", "10", "3"), other, driver, on(driver, "20", "1"),
            op_on(0, "a", "20", "3"), op_on(0, "b", "21", "3")});
  CHECK(run.api_calls.size() == 2);
  CHECK(run.hygiene.unmatched_launches == 0);
  CHECK(prove(run).ops_complete());
}
