#include "analyzers/timeline/trace_reader.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <vector>

#include "analyzers/timeline/reader.hpp"
#include "latency/error.hpp"
#include "latency/span_tree.hpp"
#include "tests/analyzers/gzip_bytes.hpp"
#include "tests/analyzers/trace_text.hpp"
#include "tests/temporary_folder.hpp"

using namespace latency_test;
using latency::copy_direction;
using latency::device_op_kind;
using latency::parse_trace;
using latency::recording;

namespace {

std::string refusal(const std::string& text) {
  try {
    (void)parse_trace(text, "t");
  } catch (const latency::error& refused) {
    return refused.what();
  }
  return "accepted";
}

// An annotation, a launch in it and a kernel.
const std::vector<traced_interval> small = {annotation("step", "10", "20"),
                                            call("cudaLaunchKernel", "12", "2", "5"),
                                            device_op("kernel", "k", "25", "3", "5")};

}  // namespace

TEST_CASE("trace_reader: times count from the first event, exact to the nanosecond") {
  const recording run =
      parse_trace(trace_of({annotation("a", "4306327313203.875", "1930.392"),
                            {"cpu_op", "aten::empty", "4306327313203.870", "0.001"},
                            {"Trace", "PyTorch Profiler (0)", "\"4306327313204.000\"", "\"3000.5\"",
                             "", "\"Spans\"", "\"PyTorch Profiler\""}},
                           R"("baseTimeNanoseconds": 1790857026000000000)"),
                  "t");
  REQUIRE(run.spans.size() == 1);
  CHECK(run.spans[0].start_ns == 5);
  CHECK(run.spans[0].end_ns == 5 + 1930392);
  CHECK(run.wall_ns == 130 + 3000500);
  CHECK(run.clock.origin_unix_ns == 1790857026000000000 + 4306327313203870);
  CHECK(run.clock.resolution_ns == 1);
  CHECK(run.clock.uncertainty_ns == 0);
}

TEST_CASE("trace_reader: before there was a base, times were whole microseconds since 1970") {
  const recording run = parse_trace(trace_of({annotation("a", "1679055451546825", "68.0")}), "t");
  CHECK(run.clock.origin_unix_ns == 1679055451546825000);
  CHECK(run.clock.resolution_ns == 1000);
  CHECK(run.clock.uncertainty_ns == 1000);
  CHECK(run.wall_ns == 68000);
}

TEST_CASE("trace_reader: operators, Python functions and copies of annotations are no rows") {
  const recording run = parse_trace(
      trace_of({annotation("a", "10", "20"),
                {"cpu_op", "aten::mm", "11", "2"},
                {"python_function", "f", "11", "2"},
                {"gpu_user_annotation", "a", "40", "20", "\"External id\": 1", "0", "7"},
                {"overhead", "Activity Buffer Request", "11", "2", "", "-1", "0"}}),
      "t");
  CHECK(run.spans.size() == 1);
  CHECK(run.device_ops.empty());
  CHECK(run.wall_ns == 50000);
}

TEST_CASE("trace_reader: NVTX ranges and profiler steps that are called operators are spans") {
  const recording run = parse_trace(
      trace_of({{"nvtx", "range", "10", "20"}, {"cpu_op", "ProfilerStep#3", "50", "2"}}), "t");
  REQUIRE(run.spans.size() == 2);
  CHECK(run.name_of(run.spans[1]) == "ProfilerStep#3");
}

TEST_CASE("trace_reader: of the first versions' operators those are spans that were annotations") {
  for (const char* const name :
       {"ProfilerStep#2", "Optimizer.step#SGD.step", "## forward ##", "backward", "Backward",
        "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__", "detach_all"}) {
    CAPTURE(name);
    const recording run = parse_trace(trace_of({{"Operator", name, "40", "2"}}), "t");
    REQUIRE(run.spans.size() == 1);
    CHECK(run.name_of(run.spans[0]) == name);
  }
  for (const char* const name :
       {"aten::mm", "torch::autograd::AccumulateGrad", "ReluBackward1", "TBackward",
        "CopyBackwards", "autograd::engine::evaluate_function: ViewBackward0", "detach",
        "detach_"}) {
    CAPTURE(name);
    CHECK(parse_trace(trace_of({{"Operator", name, "40", "2"}}), "t").spans.empty());
  }
  // Before the name, the category does not say what it is.
  CHECK(parse_trace(R"([{"ph": "X", "cat": "Operator", "ts": 1, "dur": 2, "name": "a::b"}])", "t")
            .spans.empty());
}

TEST_CASE("trace_reader: kernels, copies and memsets bring what is known of them") {
  const recording run = parse_trace(
      trace_of(
          {device_op("kernel", "gemm", "10.5", "2", "1",
                     R"("grid": [8, 16, 5], "block": [128, 1, 1], "registers per thread": 122,)"
                     R"( "shared memory": 12544)"),
           device_op("kernel", "gemm", "20", "2", "2",
                     R"("grid": [8, 16, 5], "block": [128, 1, 1], "registers per thread": 122,)"
                     R"( "shared memory": 12544)"),
           device_op("gpu_memcpy", "Memcpy HtoD (Pageable -> Device)", "30", "1", "3",
                     R"("bytes": 5000000000)"),
           device_op("gpu_memcpy", "Memcpy PtoP (Device -> Device)", "31", "1", "4"),
           device_op("gpu_memset", "Memset (Device)", "32", "1", "5", R"("bytes": 512)")}),
      "t");
  REQUIRE(run.device_ops.size() == 5);
  REQUIRE(run.launch_shapes.size() == 1);
  const latency::launch_shape& shape = run.launch_shapes[0];
  CHECK(shape.grid_y == 16);
  CHECK(shape.grid_z == 5);
  CHECK(shape.block_x == 128);
  CHECK(shape.registers_per_thread == 122);
  CHECK(shape.dynamic_shared_bytes == 12544);
  const auto& ops = run.device_ops;
  CHECK(ops[1].shape == 0);
  CHECK(ops[1].stream == 7);
  CHECK(ops[2].kind == device_op_kind::memcpy);
  CHECK(ops[2].direction == copy_direction::host_to_device);
  CHECK(ops[2].bytes == 5000000000);
  CHECK(ops[2].shape == -1);
  CHECK(ops[3].direction == copy_direction::peer);
  CHECK(ops[4].kind == device_op_kind::memset);
  CHECK(ops[4].bytes == 512);
  CHECK(ops[0].end_ns - ops[0].start_ns == 2000);
}

TEST_CASE("trace_reader: the categories of the first versions are understood") {
  const recording run =
      parse_trace(trace_of({{"Runtime", "cudaLaunchKernel", "1", "1", R"("correlation": 4)"},
                            {"Kernel", "k", "5", "1", R"("stream": 7, "correlation": 4)", "0", "7"},
                            {"Memset", "s", "7", "1", "", "0", "9"},
                            {"Memcpy", "Memcpy DtoH", "9", "1", "", "0", "9"}}),
                  "t");
  REQUIRE(run.device_ops.size() == 3);
  CHECK(run.device_ops[0].correlation == 4);
  CHECK(run.device_ops[1].stream == 9);
  CHECK(run.device_ops[2].direction == copy_direction::device_to_host);
  CHECK(run.hygiene.unmatched_device_ops == 2);
}

TEST_CASE("trace_reader: ids take all 64 bits, and may be texts") {
  const recording run =
      parse_trace(trace_of({call("cudaGraphLaunch", "1", "1", "18446744073709551615"),
                            device_op("kernel", "k", "5", "1", "\"18446744073709551615\"",
                                      R"("graph node id": 9223372036854775809)")}),
                  "t");
  CHECK(run.device_ops[0].correlation == 18446744073709551615u);
  CHECK(run.device_ops[0].graph_node == 9223372036854775809u);
  CHECK(run.hygiene.unmatched_device_ops == 0);
}

TEST_CASE("trace_reader: keys may come in any order") {
  const recording run = parse_trace(
      R"({"traceEvents": [{"args": {"correlation": 5, "stream": 9, "device": 2, "x": {"y": [[1]]}},)"
      R"("cat": "kernel", "dur": 3, "name": "k", "ph": "X", "pid": 2, "tid": 9, "ts": 25},)"
      R"({"args": {"correlation": 5}, "cat": "cuda_runtime", "dur": 2, "name": "cudaLaunchKernel",)"
      R"("ph": "X", "pid": 1, "tid": 1, "ts": 20}]})",
      "t");
  REQUIRE(run.device_ops.size() == 1);
  CHECK(run.device_ops[0].device == 2);
  CHECK(run.device_ops[0].stream == 9);
  CHECK(run.hygiene.unmatched_device_ops == 0);
}

TEST_CASE("trace_reader: threads and devices have their names, processes where there are several") {
  const std::string names =
      R"({"name": "process_name", "ph": "M", "pid": 10, "tid": 0, "args": {"name": "python3"}},)"
      R"({"cat": "__metadata", "name": "thread_name", "ph": "M", "pid": 10, "tid": 11,)"
      R"("args": {"name": "main"}},)"
      R"({"name": "thread_name", "ph": "M", "pid": 20, "tid": 11, "args": {"name": "worker"}})";
  const auto trace = [&](const std::string& events) {
    return parse_trace(R"({"deviceProperties": [{"id": 1, "name": "H200", "x": [1]}],)"
                       R"("distributedInfo": {"backend": "nccl", "rank": 3, "world_size": 8,)"
                       R"("pg_config": [{"ranks": [0, 1]}]}, "traceName": "out/t.json",)"
                       R"("traceEvents": [)" +
                           events + "," + names + "]}",
                       "t");
  };
  const recording one = trace(to_json(annotation("a", "1", "1")) + "," +
                              to_json({"kernel", "k", "1", "1", R"("device": 1)", "1", "7"}));
  CHECK(one.threads[0].name == "main");
  CHECK(one.threads[0].os_id == 11);
  REQUIRE(one.device_clocks.size() == 1);
  CHECK(one.device_clocks[0].device == 1);
  CHECK(one.device_clocks[0].name == "H200");
  CHECK(std::get<std::int64_t>(one.run.at("rank")) == 3);
  CHECK(std::get<std::int64_t>(one.run.at("world_size")) == 8);
  CHECK(std::get<std::string>(one.run.at("distributed_backend")) == "nccl");
  CHECK(std::get<std::string>(one.run.at("trace_name")) == "out/t.json");

  traced_interval other = annotation("b", "1", "1");
  other.process = "20";
  const recording two = trace(to_json(annotation("a", "1", "1")) + "," + to_json(other));
  CHECK(two.threads[0].name == "python3 10: main");
  CHECK(two.threads[1].name == "20: worker");
}

TEST_CASE("trace_reader: devices of several processes that have the same number are kept apart") {
  traced_interval a = device_op("kernel", "a", "1", "1", "1");
  traced_interval b = a;
  b.process = "1000";
  const recording run = parse_trace(trace_of({a, b, a}), "t");
  CHECK(run.device_ops[0].device == 0);
  CHECK(run.device_ops[1].device == 1);
  CHECK(run.device_ops[2].device == 0);
  CHECK(run.device_clocks.size() == 2);
}

TEST_CASE("trace_reader: an op whose times were lost is kept and counted, and moves no other") {
  const recording run = parse_trace(
      trace_of({annotation("a", "1000", "20"), device_op("kernel", "lost", "0", "0", "1")}), "t");
  CHECK(run.hygiene.invalid_device_ops == 1);
  CHECK(run.device_ops[0].start_ns == 0);
  CHECK(run.device_ops[0].end_ns == 0);
  CHECK(run.spans[0].start_ns == 0);
  CHECK(run.wall_ns == 20000);
}

TEST_CASE("trace_reader: an op that lost its start alone is kept and counted, and moves no other") {
  const recording run =
      parse_trace(trace_of({annotation("a", "4306327313203.875", "20"),
                            device_op("kernel", "lost", "0.000", "7", "1"),
                            device_op("kernel", "k", "4306327313213.875", "5", "2")}),
                  "t");
  CHECK(run.hygiene.invalid_device_ops == 1);
  CHECK(run.device_ops[0].end_ns == 0);
  CHECK(run.device_ops[1].start_ns == 10000);
  CHECK(run.wall_ns == 20000);
  const recording from_zero = parse_trace(
      trace_of({annotation("a", "0", "20"), device_op("kernel", "k", "0", "30", "1")}), "t");
  CHECK(from_zero.hygiene.invalid_device_ops == 0);
  CHECK(from_zero.device_ops[0].end_ns == 30000);
  CHECK(from_zero.wall_ns == 30000);
}

TEST_CASE("trace_reader: rows without times that can be read are kept and flagged") {
  for (const char* const none : {"null", "NaN", "Infinity", "-Infinity", "1e30", "\"soon\""}) {
    const recording run =
        parse_trace(trace_of({annotation("a", "10", "20"),
                              annotation("lost", none, "5"),
                              annotation("lost, too", "12", none),
                              call("cudaLaunchKernel", "12", "2", "5"),
                              call("cudaLaunchKernel", none, "2", "6"),
                              device_op("kernel", "k", "25", "3", "5"),
                              device_op("kernel", "its launch is lost", "28", "3", "6"),
                              device_op("kernel", "lost", none, "3", "5"),
                              {"cpu_op", "aten::mm", none, none}}),
                    "t");
    REQUIRE(run.spans.size() == 3);
    CHECK(latency::span_tree(run).problems().records == 2);
    CHECK(run.api_calls.size() == 1);
    CHECK(run.hygiene.invalid_device_ops == 1);
    CHECK(run.hygiene.unmatched_device_ops == 1);
    CHECK(run.wall_ns == 21000);
  }
  const recording run =
      parse_trace(R"([{"ph":"X","cat":"kernel"},{"ph":"X","cat":"user_annotation","ts":1}])", "t");
  CHECK(run.hygiene.invalid_device_ops == 1);
  CHECK(run.spans.size() == 1);
}

TEST_CASE("trace_reader: numbers that JSON has not may stand where nothing is read") {
  const recording run = parse_trace(
      trace_of({device_op("kernel", "k", "25", "3", "5",
                          R"("est. achieved occupancy %": NaN, "x": -Infinity, "y": [inf, {}])")}),
      "t");
  CHECK(run.device_ops.size() == 1);
}

TEST_CASE("trace_reader: control characters in texts are read as spaces") {
  const recording run = parse_trace(
      trace_of({annotation("line\none\ttab\x01", "1", "1"), annotation("sound", "3", "1")}), "t");
  CHECK(run.name_of(run.spans[0]) == "line one tab ");
  CHECK(run.name_of(run.spans[1]) == "sound");
}

TEST_CASE("trace_reader: names may be long, arguments deep, keys escaped") {
  const std::string name(3 << 20, 'n'), deep = std::string(50, '[') + std::string(50, ']');
  const recording run =
      parse_trace(trace_of({annotation(name, "1", "1"),
                            device_op("kernel", name + "2", "25", "3", "5",
                                      R"("\u0064evice": 3, "Input Dims": )" + deep)}),
                  "t");
  CHECK(run.name_of(run.spans[0]) == name);
  CHECK(run.strings[run.device_ops[0].name] == name + "2");
  CHECK(run.device_ops[0].device == 0);
}

TEST_CASE("trace_reader: a synchronization with no device names none") {
  const recording run =
      parse_trace(trace_of({call("cudaDeviceSynchronize", "1", "5", "3"),
                            {"cuda_sync", "Context Sync", "1", "5",
                             R"("device": -1, "stream": -1, "correlation": 3)", "-1", "-1"}}),
                  "t");
  CHECK(run.device_clocks.empty());
  CHECK(run.api_calls[0].device == -1);
}

TEST_CASE("trace_reader: texts keep their escapes' meaning; what is not UTF-8 is replaced") {
  const recording run = parse_trace(
      trace_of({annotation(R"(a\"\u00e9\n)", "1", "1"), annotation("b\xff\xc3(", "3", "1"),
                annotation(R"(half \ud800)", "5", "1")}),
      "t");
  CHECK(run.name_of(run.spans[0]) == "a\"\xc3\xa9\n");
  CHECK(run.name_of(run.spans[1]) == "b\xef\xbf\xbd\xef\xbf\xbd(");
  CHECK(run.name_of(run.spans[2]) == R"(half \ud800)");
}

TEST_CASE("trace_reader: an array alone is a trace, also without its end") {
  std::string events;
  for (const traced_interval& i : small) events += to_json(i) + ",\n";
  for (const std::string& text : {"[" + events, "[" + events + "{}]", "[" + events + "null]"}) {
    const recording run = parse_trace(text, "t");
    CHECK(run.spans.size() == 1);
    CHECK(run.device_ops.size() == 1);
    CHECK_FALSE(run.hygiene.incomplete);
  }
}

TEST_CASE("trace_reader: a trace that ends early is read up to there, and says where") {
  const std::string text = trace_of(small);
  std::size_t rows = 0;
  for (std::size_t size = 1; size < text.size(); ++size) {
    const recording run = parse_trace(text.substr(0, size), "t");
    CHECK(run.hygiene.incomplete);
    CHECK(run.hygiene.cut_at == "byte " + std::to_string(size));
    const std::size_t read = run.spans.size() + run.api_calls.size() + run.device_ops.size();
    CHECK(read >= rows);
    rows = read;
  }
  CHECK(rows == 3);
  CHECK_FALSE(parse_trace(text, "t").hygiene.incomplete);
}

TEST_CASE("trace_reader: gzip reads the same, and may end early as well") {
  const std::string bytes = gzip(trace_of(small));
  const recording run = parse_trace(bytes, "t");
  CHECK(run.spans.size() == 1);
  CHECK(run.device_ops.size() == 1);
  CHECK_FALSE(run.hygiene.incomplete);
  const recording cut = parse_trace(bytes.substr(0, bytes.size() - 20), "t");
  CHECK(cut.hygiene.incomplete);
  CHECK(cut.hygiene.cut_at.find(" (inflated)") != std::string::npos);
}

TEST_CASE("trace_reader: where damaged gzip inflates to what is no trace, the damage is told") {
  std::string bytes = gzip(R"({"traceEvents": [}]})");
  CHECK(refusal(bytes).rfind("t: byte 17: ", 0) == 0);
  bytes[bytes.size() - 8] ^= 1;  // of the check sum
  CHECK(refusal(bytes).find("damaged gzip data") != std::string::npos);
}

TEST_CASE("trace_reader: a trace of many windows is read whole") {
  std::vector<traced_interval> many;
  for (int i = 1; i <= 15000; ++i) {
    const std::string n = std::to_string(i), t = std::to_string(10 * i);
    many.push_back(annotation("step " + std::to_string(i % 7), t, "9"));
    many.push_back(call("cudaLaunchKernel", t, "2", n));
    many.push_back(device_op("kernel", "k", t, "5", n));
  }
  const std::string text = trace_of(many);
  REQUIRE(text.size() > std::size_t{3} << 20);
  const recording run = parse_trace(text, "t");
  CHECK(run.spans.size() == 15000);
  CHECK(run.hygiene.unmatched_device_ops == 0);
  std::size_t attributed = 0;
  for (const latency::device_op& op : run.device_ops) attributed += op.span != 0 ? 1 : 0;
  CHECK(attributed == 15000);
}

TEST_CASE("trace_reader: what is released was read") {
  const std::string text = trace_of(small);
  std::size_t released = 0;
  (void)parse_trace(text, "t", [&](std::size_t bytes) { released = bytes; });
  CHECK(released == text.size());
}

TEST_CASE("trace_reader: says which event is not as it must be") {
  const std::string head = R"({"traceEvents": [)";  // 17 bytes
  const std::pair<std::string, std::string> texts[] = {
      {head + R"({}, 7, {}]})", "t: byte 21: an event is not an object"},
      {head + "{}]}",
       "t: is a Chrome trace without any event of PyTorch's profiler (operators, annotations, CUDA "
       "calls, kernels)"}};
  for (const auto& [text, says] : texts) CHECK(refusal(text) == says);
  CHECK(refusal(head + R"({"ph" "X"}]})").rfind("t: byte 17: not JSON: ", 0) == 0);
}

TEST_CASE("trace_reader: members of another shape are passed over") {
  const recording run = parse_trace(
      trace_of(small, R"("baseTimeNanoseconds": "no", "distributedInfo": [1], "traceName": {},)"
                      R"("deviceProperties": [7, {"id": "x"}, {"id": -1, "name": 3}])"),
      "t");
  CHECK(run.spans.size() == 1);
  CHECK(run.run.empty());
}

TEST_CASE("open: a trace is told by its content, in gzip or not, wherever its events stand") {
  const latency_test::temporary_folder folder;
  const std::string path = folder / "timing.txt";
  const std::string late =
      "{\"a\": \"" + std::string(100000, 'x') + "\", " + trace_of(small).substr(1);
  for (const std::string& text :
       {trace_of(small), gzip(trace_of(small)), late, "[" + to_json(small[0]) + "]"}) {
    std::ofstream(path, std::ios::binary) << text;
    const recording run = latency::open_recording(path);
    CHECK(run.spans.size() == 1);
    CHECK(run.source == path);
  }
}
