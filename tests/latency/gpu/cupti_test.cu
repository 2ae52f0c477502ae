// Kernels, copies and memsets of programs that do a known amount of work, as cupti.hpp records
// them.
#include <doctest/doctest.h>

#include <latency/cupti.hpp>
#include <latency/latency.hpp>
#include <latency/proof.hpp>
#include <map>
#include <thread>

#include "work.cuh"

using namespace latency;
using work::buffers;
using work::event;
using work::stream;

namespace {

// How often each op ran in the spans of each name: counts["span"]["op"].
using op_counts = std::map<std::string, std::map<std::string, int>>;

op_counts counts_of(const recording& r) {
  std::map<span_id, std::string> names;
  for (const span& s : r.spans) names[s.id] = r.name_of(s);
  op_counts counts;
  for (const device_op& op : r.device_ops) {
    const std::string name = r.strings[op.name];
    ++counts[op.span == 0 ? "" : names.at(op.span)][name.substr(0, name.find('('))];
  }
  return counts;
}

struct accounted {
  explicit accounted(const recording& r)
      : tree(r), devices(r, tree), proven(make_proof(r, tree, devices)) {}
  span_tree tree;
  device_accounting devices;
  proof proven;
};

// Nothing to explain: said in parts, so that a failure says which.
void check_clean(const recording& r, const accounted& a) {
  CHECK(a.proven.host_exact);
  CHECK(a.proven.devices_exact);
  CHECK(a.proven.ops_complete());
  CHECK(a.proven.dropped() == 0);
  CHECK(a.proven.busy_ns == a.proven.busy_recomputed_ns);
  CHECK(r.hygiene.invalid_device_ops == 0);
  CHECK(r.hygiene.unmatched_device_ops == 0);
  CHECK(r.hygiene.unmatched_launches == 0);
  for (std::size_t i = 0; i < device_op_problem_names.size(); ++i) {
    CAPTURE(device_op_problem_names[i]);
    CHECK(a.proven.op_problems.of[i] == 0);
  }
  CHECK(a.proven.clean());
}

const device_account& first_device(const accounted& a) {
  REQUIRE(!a.devices.devices().empty());
  return a.devices.devices().front();
}

}  // namespace

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

TEST_CASE("cupti: kernels of known length are busy that long, overlap counts once, events agree") {
  CUDA_OK(cudaFree(nullptr));
  stream first, second;
  event begin, end;
  session run;
  cupti::collector gpu{run};
  REQUIRE_MESSAGE(gpu.started(), gpu.why_not());
  constexpr std::uint64_t spin_ns = 2'000'000;
  constexpr int spins = 5;
  work::spin<<<1, 1, 0, first>>>(1000);  // loads the kernel
  first.wait();
  {
    LATENCY_SCOPE("alone");
    for (int i = 0; i < spins; ++i) work::spin<<<1, 1, 0, first>>>(spin_ns);
    first.wait();
  }
  {
    LATENCY_SCOPE("together");
    CUDA_OK(cudaEventRecord(begin, first));
    CUDA_OK(cudaStreamWaitEvent(second, begin));
    for (int i = 0; i < spins; ++i) {
      work::spin<<<1, 1, 0, first>>>(spin_ns);
      work::spin<<<1, 1, 0, second>>>(spin_ns);
    }
    CUDA_OK(cudaEventRecord(end, second));
    CUDA_OK(cudaStreamWaitEvent(first, end));
    CUDA_OK(cudaEventRecord(end, first));
    first.wait();
  }
  const recording r = run.stop();
  const accounted a(r);
  check_clean(r, a);
  const auto set_of = [&](const char* name) {
    for (const span& s : r.spans)
      if (r.name_of(s) == name) return a.devices.total(a.tree.find(s.id)).own;
    FAIL("no span ", name);
    return op_set{};
  };
  constexpr double all_ns = static_cast<double>(spin_ns) * spins;
  const op_set alone = set_of("alone"), together = set_of("together");
  CHECK(alone.ops == spins);
  CHECK(static_cast<double>(alone.busy_ns) == doctest::Approx(all_ns).epsilon(0.02));
  CHECK(alone.sum_ns == alone.busy_ns);
  CHECK(static_cast<double>(together.sum_ns) == doctest::Approx(2 * all_ns).epsilon(0.02));
  CHECK(static_cast<double>(together.busy_ns) == doctest::Approx(all_ns).epsilon(0.02));
  CHECK(static_cast<double>(together.share_ns) == doctest::Approx(all_ns).epsilon(0.02));
  float window_ms = 0;
  CUDA_OK(cudaEventElapsedTime(&window_ms, begin, end));
  // The events stand around the kernels: a few microseconds, and half a microsecond of resolution.
  const double window_ns = static_cast<double>(window_ms) * 1e6;
  CHECK(window_ns >= static_cast<double>(together.window_ns) - 1000);
  CHECK(window_ns <= static_cast<double>(together.window_ns) + 100'000);
  CHECK(first_device(a).share_ns + first_device(a).idle_ns +
            first_device(a).unattributed_total_ns() ==
        first_device(a).window.length_ns());
  CHECK(r.device_clocks.at(0).residual_ns < 10'000);
}

TEST_CASE("cupti: a million kernels, none lost, while the session's end comes at once") {
  CUDA_OK(cudaFree(nullptr));
  stream mine;
  session run;
  cupti::collector gpu{run};
  REQUIRE_MESSAGE(gpu.started(), gpu.why_not());
  constexpr int kernels = 1'000'000;
  {
    LATENCY_SCOPE("million");
    for (int i = 0; i < kernels; ++i) work::empty<<<1, 1, 0, mine>>>();
    work::spin<<<1, 1, 0, mine>>>(20'000'000);
  }
  const recording r = run.stop();  // without waiting for the device
  CHECK(r.device_ops.size() == kernels + 1);
  CHECK(counts_of(r)["million"]["work::empty"] == kernels);
  check_clean(r, accounted(r));
}

TEST_CASE("cupti: totals are those of the same work kept row by row") {
  CUDA_OK(cudaFree(nullptr));
  stream mine;
  buffers memory(4096);
  const auto program = [&] {
    for (int block = 0; block < 10; ++block) {
      LATENCY_SCOPE("block");
      CUDA_OK(cudaMemcpyAsync(memory.device, memory.host, 512, cudaMemcpyHostToDevice, mine));
      for (int layer = 0; layer < 7; ++layer) {
        LATENCY_SCOPE("layer");
        work::small<<<1, 32, 0, mine>>>(memory.device);
        work::spin<<<1, 1, 0, mine>>>(10'000);
      }
      mine.wait();
    }
  };
  session run;
  cupti::options options;
  options.mode = cupti::collector_mode::aggregate;
  cupti::collector gpu{run, options};
  REQUIRE_MESSAGE(gpu.started(), gpu.why_not());
  program();
  const recording r = run.stop();
  CHECK(r.device_ops.empty());
  std::map<std::string, device_total> totals;
  for (const device_total& t : r.device_totals) {
    REQUIRE(t.path >= 0);
    const span_path& path = r.span_paths.at(static_cast<std::size_t>(t.path));
    const std::string name = r.strings[t.name];
    totals[r.strings[path.name] + ":" + name.substr(0, name.find('('))] = t;
  }
  CHECK(totals.size() == 3);
  CHECK(totals["layer:work::small"].count == 70);
  CHECK(totals["layer:work::spin"].count == 70);
  CHECK(static_cast<double>(totals["layer:work::spin"].sum_ns) ==
        doctest::Approx(700'000).epsilon(0.2));
  CHECK(totals["layer:work::spin"].min_ns >= 10'000);
  CHECK(totals["block:memcpy host to device"].count == 10);
  CHECK(totals["block:memcpy host to device"].bytes == 5120);
  std::int64_t synchronized = 0;
  for (const api_total& t : r.api_totals)
    if (t.kind == api_call_kind::synchronize) synchronized += t.count;
  CHECK(synchronized == 10);
  CHECK(r.hygiene.unmatched_launches == 0);
}

TEST_CASE("cupti: beside another profiler it does not start, says so, and the program goes on") {
  using cupti_library = latency::detail::cupti_library;
  std::string why;
  cupti_library holder;
  REQUIRE_MESSAGE(holder.load(why), why);
  CUpti_SubscriberHandle subscriber = nullptr;
  CUpti_SubscriberParams parameters{};
  parameters.structSize = CUpti_SubscriberParams_STRUCT_SIZE;
  parameters.subscriberName = "somebody";
  const auto nothing = [](void*, CUpti_CallbackDomain, CUpti_CallbackId, const void*) {};
  REQUIRE(holder.cuptiSubscribe_v2(&subscriber, nothing, nullptr, &parameters) == CUPTI_SUCCESS);
  {
    session run;
    cupti::collector gpu{run};
    CHECK(!gpu.started());
    CHECK(gpu.why_not() == "another profiler is attached: CUPTI for somebody");
    { LATENCY_SCOPE("work"); }
    work::empty<<<1, 1>>>();
    CUDA_OK(cudaDeviceSynchronize());
    const recording r = run.stop();
    CHECK(r.spans.size() == 1);
    CHECK(std::get<std::string>(r.run.at("tier")) == "host");
    CHECK(std::get<std::string>(r.run.at("tier_reason")) == gpu.why_not());
  }
  CHECK(holder.cuptiUnsubscribe(subscriber) == CUPTI_SUCCESS);
  session run;
  cupti::collector gpu{run};
  CHECK_MESSAGE(gpu.started(), gpu.why_not());
  cupti::collector second{run};
  CHECK(second.why_not() == "another latency::cupti::collector is collecting");
}

TEST_CASE("cupti: outside recorded regions nothing is recorded, and nothing counts as lost") {
  CUDA_OK(cudaFree(nullptr));
  setenv("LATENCY_REGIONS", "measured:active=1", 1);
  session run;
  unsetenv("LATENCY_REGIONS");
  cupti::collector gpu{run};
  REQUIRE_MESSAGE(gpu.started(), gpu.why_not());
  stream mine;
  for (int i = 0; i < 3; ++i) {
    const region measured{"measured"};
    work::empty<<<1, 1, 0, mine>>>();
  }
  mine.wait();
  const recording r = run.stop();
  CHECK(r.device_ops.size() == 1);
  CHECK(r.hygiene.unmatched_launches == 0);
  CHECK(r.hygiene.unmatched_device_ops == 0);
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
