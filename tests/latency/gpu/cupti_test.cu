// Which ops a program that does a known amount of work has, and under which spans, as cupti.hpp
// records them.
#include <doctest/doctest.h>

#include <cuda.h>

#include <latency/cupti.hpp>
#include <latency/latency.hpp>
#include <map>
#include <thread>

#include "accounted.hpp"
#include "work.cuh"

using namespace latency;
using work::accounted;
using work::buffers;
using work::check_clean;
using work::counts_of;
using work::event;
using work::op_counts;
using work::stream;

TEST_CASE("cupti: four threads, four streams, copies both ways: every span has exactly its ops") {
  CUDA_OK(cudaFree(nullptr));
  session run;
  cupti::collector gpu{run};
  REQUIRE_MESSAGE(gpu.started(), gpu.why_not());
  constexpr int threads = 4, layers = 25;
  static const char* const names[threads] = {"thread 0", "thread 1", "thread 2", "thread 3"};
  static const char* const layer_names[threads] = {"layer 0", "layer 1", "layer 2", "layer 3"};
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t)
    workers.emplace_back([t] {
      LATENCY_SCOPE(names[t]);
      stream mine, other;
      buffers memory(4096);
      event ready;
      for (int layer = 0; layer < layers; ++layer) {
        LATENCY_SCOPE(layer_names[t]);
        CUDA_OK(cudaMemcpyAsync(memory.device, memory.host, 4096, cudaMemcpyHostToDevice, mine));
        for (int i = 0; i <= t; ++i) work::small<<<1, 32, 0, mine>>>(memory.device);
        CUDA_OK(cudaEventRecord(ready, mine));
        CUDA_OK(cudaStreamWaitEvent(other, ready));
        CUDA_OK(cudaMemsetAsync(memory.device, 0, 64, other));
        CUDA_OK(cudaMemcpyAsync(memory.host, memory.device, 2048, cudaMemcpyDeviceToHost, other));
        LATENCY_SCOPE("wait");
        other.wait();
      }
      work::empty<<<1, 1, 0, mine>>>();
      mine.wait();
    });
  for (std::thread& worker : workers) worker.join();
  const recording r = run.stop();

  op_counts expected;
  for (int t = 0; t < threads; ++t) {
    expected[names[t]]["work::empty"] = 1;
    expected[layer_names[t]] = {{"work::small", (t + 1) * layers},
                                {"memset", layers},
                                {"memcpy host to device", layers},
                                {"memcpy device to host", layers}};
  }
  CHECK(counts_of(r) == expected);
  const accounted a(r);
  check_clean(r, a);
  CHECK(std::get<std::string>(r.run.at("tier")) == "kernels");
  REQUIRE(r.device_clocks.size() == 1);
  CHECK(!r.device_clocks[0].name.empty());
  CHECK(r.device_clocks[0].anchors >= 2);

  // Bytes, shapes and the order between streams.
  std::map<std::uint64_t, const api_call*> calls;
  std::map<api_call_kind, int> kinds;
  for (const api_call& c : r.api_calls) {
    calls[c.correlation] = &c;
    ++kinds[c.kind];
  }
  CHECK(kinds[api_call_kind::launch] == static_cast<int>(r.device_ops.size()));
  CHECK(kinds[api_call_kind::synchronize] == threads * (layers + 1));
  CHECK(kinds[api_call_kind::allocate] == threads * 4);
  int waits = 0;
  for (const api_call& c : r.api_calls) {
    if (c.kind != api_call_kind::stream_wait) continue;
    ++waits;
    REQUIRE(calls.count(c.waits_for) == 1);
    const api_call& recorded = *calls[c.waits_for];
    CHECK(recorded.kind == api_call_kind::event_record);
    CHECK(recorded.span == c.span);
    CHECK(recorded.stream >= 0);
    CHECK(c.stream >= 0);
    CHECK(recorded.stream != c.stream);
  }
  CHECK(waits == threads * layers);
  for (const device_op& op : r.device_ops) {
    if (op.kind == device_op_kind::kernel) {
      REQUIRE(op.shape >= 0);
      const launch_shape& shape = r.launch_shapes.at(static_cast<std::size_t>(op.shape));
      CHECK(shape.grid_x == 1);
      CHECK(shape.registers_per_thread > 0);
    }
    if (op.direction == copy_direction::host_to_device) CHECK(op.bytes == 4096);
    if (op.direction == copy_direction::device_to_host) CHECK(op.bytes == 2048);
    if (op.kind == device_op_kind::memset) CHECK(op.bytes == 64);
  }
}

TEST_CASE("cupti: every way to launch is seen, and only what ran") {
  CUDA_OK(cudaFree(nullptr));
  stream mine;
  buffers memory(1 << 20);
  session run;
  cupti::collector gpu{run};
  REQUIRE_MESSAGE(gpu.started(), gpu.why_not());
  {
    LATENCY_SCOPE("ways");
    cudaLaunchConfig_t config{};
    config.gridDim = config.blockDim = 1;
    config.stream = mine;
    CUDA_OK(cudaLaunchKernelExC(&config, reinterpret_cast<const void*>(&work::empty), nullptr));
    CUDA_OK(cudaLaunchCooperativeKernel(reinterpret_cast<const void*>(&work::empty), dim3(1),
                                        dim3(1), nullptr, 0, mine));
    cudaFunction_t function = nullptr;
    CUDA_OK(cudaGetFuncBySymbol(&function, reinterpret_cast<const void*>(&work::empty)));
    void* driver = nullptr;
    cudaDriverEntryPointQueryResult found{};
    CUDA_OK(cudaGetDriverEntryPointByVersion("cuLaunchKernel", &driver, 12000, cudaEnableDefault,
                                             &found));
    CHECK(reinterpret_cast<decltype(&cuLaunchKernel)>(driver)(
              reinterpret_cast<CUfunction>(function), 1, 1, 1, 1, 1, 1, 0, mine.handle, nullptr,
              nullptr) == CUDA_SUCCESS);
    CUDA_OK(cudaMemcpy2DAsync(memory.device, 256, memory.device + (1 << 16), 256, 128, 16,
                              cudaMemcpyDeviceToDevice, mine));
    CUDA_OK(cudaMemcpyAsync(memory.device, memory.host, 0, cudaMemcpyHostToDevice, mine));
    char pageable[64] = "";
    CUDA_OK(cudaMemcpy(memory.device, pageable, sizeof pageable, cudaMemcpyHostToDevice));
    work::empty<<<1, 4096, 0, mine>>>();  // too many threads: never runs
    CHECK(cudaGetLastError() != cudaSuccess);
    mine.wait();
  }
  const recording r = run.stop();
  op_counts expected;
  expected["ways"] = {
      {"work::empty", 3}, {"memcpy device to device", 1}, {"memcpy host to device", 1}};
  CHECK(counts_of(r) == expected);
  check_clean(r, accounted(r));
}

TEST_CASE("cupti: a graph's ops belong to its launch; what was captured did not run") {
  CUDA_OK(cudaFree(nullptr));
  stream mine;
  buffers memory(4096);
  session run;
  cupti::collector gpu{run};
  REQUIRE_MESSAGE(gpu.started(), gpu.why_not());
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  {
    LATENCY_SCOPE("capture");
    CUDA_OK(cudaStreamBeginCapture(mine, cudaStreamCaptureModeThreadLocal));
    for (int i = 0; i < 5; ++i) work::small<<<1, 32, 0, mine>>>(memory.device);
    CUDA_OK(cudaMemsetAsync(memory.device, 0, 64, mine));
    CUDA_OK(cudaStreamEndCapture(mine, &graph));
    CUDA_OK(cudaGraphInstantiate(&exec, graph, 0));
  }
  for (int i = 0; i < 3; ++i) {
    LATENCY_SCOPE("replay");
    CUDA_OK(cudaGraphLaunch(exec, mine));
  }
  mine.wait();
  const recording r = run.stop();
  op_counts expected;
  expected["replay"] = {{"work::small", 15}, {"memset", 3}};
  CHECK(counts_of(r) == expected);
  const accounted a(r);
  check_clean(r, a);
  CHECK(a.proven.replays == 3);
  CHECK(a.proven.replay_ops == 18);
  CHECK(a.proven.launches == 0);
  cudaGraphExecDestroy(exec);
  cudaGraphDestroy(graph);
}

TEST_CASE("cupti: two devices keep their ops apart") {
  int devices = 0;
  CUDA_OK(cudaGetDeviceCount(&devices));
  if (devices < 2) {
    MESSAGE("skipped: one device only");
    return;
  }
  for (const int device : {0, 1}) {
    CUDA_OK(cudaSetDevice(device));
    CUDA_OK(cudaFree(nullptr));
  }
  session run;
  cupti::collector gpu{run};
  REQUIRE_MESSAGE(gpu.started(), gpu.why_not());
  {
    LATENCY_SCOPE("both");
    for (const int device : {0, 1, 1}) {
      CUDA_OK(cudaSetDevice(device));
      work::spin<<<1, 1>>>(100'000);
    }
    for (const int device : {0, 1}) {
      CUDA_OK(cudaSetDevice(device));
      CUDA_OK(cudaDeviceSynchronize());
    }
  }
  CUDA_OK(cudaSetDevice(0));
  const recording r = run.stop();
  const accounted a(r);
  check_clean(r, a);
  REQUIRE(a.devices.devices().size() == 2);
  CHECK(a.devices.devices()[0].ops == 1);
  CHECK(a.devices.devices()[1].ops == 2);
  CHECK(r.device_clocks.size() == 2);
}

TEST_CASE("cupti: copies from device to device are counted as untraced, and break no graph") {
  int devices = 0, reachable = 0;
  CUDA_OK(cudaGetDeviceCount(&devices));
  if (devices > 1) CUDA_OK(cudaDeviceCanAccessPeer(&reachable, 0, 1));
  bool direct = false;
  SUBCASE("through the host, where the other device's memory is out of reach") {}
  SUBCASE("from device to device") {
    direct = reachable != 0;
  }
  CUDA_OK(cudaFree(nullptr));
  stream mine;
  buffers memory(4096);
  char* elsewhere = nullptr;
  if (devices > 1) {
    CUDA_OK(cudaSetDevice(1));
    CUDA_OK(cudaMalloc(&elsewhere, 4096));
    CUDA_OK(cudaSetDevice(0));
  }
  if (direct) CUDA_OK(cudaDeviceEnablePeerAccess(1, 0));
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  CUDA_OK(cudaStreamBeginCapture(mine, cudaStreamCaptureModeThreadLocal));
  work::small<<<1, 32, 0, mine>>>(memory.device);
  CUDA_OK(cudaStreamEndCapture(mine, &graph));
  CUDA_OK(cudaGraphInstantiate(&exec, graph, 0));
  session run;
  cupti::collector gpu{run};
  REQUIRE_MESSAGE(gpu.started(), gpu.why_not());
  CUDA_OK(cudaMemcpyPeerAsync(memory.device, 0, memory.device + 512, 0, 64, mine));  // to itself
  if (devices > 1) CUDA_OK(cudaMemcpyPeerAsync(elsewhere, 1, memory.device, 0, 64, mine));
  CUDA_OK(cudaGraphLaunch(exec, mine));
  mine.wait();
  const recording r = run.stop();
  CHECK(counts_of(r)[""]["work::small"] == 1);
  // Whether CUPTI delivers a copy of a device to itself as a copy like any other is its own affair.
  std::int64_t copies = 0;
  for (const device_op& op : r.device_ops) copies += op.kind == device_op_kind::memcpy ? 1 : 0;
  const int through_host = devices > 1 && !direct ? 2 : 0;  // there, and from there
  CHECK(r.hygiene.untraced_copies + copies == 1 + through_host + (direct ? 1 : 0));
  CHECK(r.hygiene.untraced_copies >= (direct ? 1 : 0));
  CHECK(r.hygiene.unmatched_launches == 0);
  const accounted a(r);
  CHECK(a.proven.ops_complete());
  CHECK(a.proven.clean() == (r.hygiene.untraced_copies == 0));
  if (direct) CUDA_OK(cudaDeviceDisablePeerAccess(1));
  CUDA_OK(cudaFree(elsewhere));
  cudaGraphExecDestroy(exec);
  cudaGraphDestroy(graph);
}
