// Writes what tracing delivers on a real device, in the order in which it comes, for the tests that
// replay it without one (tests/latency/replay_test.cpp):
//
//   record_activity threads tests/data/cupti/threads.json
//   record_activity graphs tests/data/cupti/graphs.json
#include <cstdio>
#include <functional>
#include <latency/cupti.hpp>
#include <latency/detail/cupti_engine.hpp>
#include <latency/detail/recorder.hpp>
#include <latency/detail/traced_records.hpp>
#include <latency/json_writer.hpp>
#include <latency/latency.hpp>
#include <map>
#include <thread>

#define CUDA_OK(call)                                       \
  if (const cudaError_t code = (call); code != cudaSuccess) \
  throw latency::error("record_activity", #call, cudaGetErrorString(code))

namespace {

using namespace latency::detail;

__global__ void scale(float* data) {
  data[threadIdx.x] *= 0.5f;
}
__global__ void add(float* data) {
  data[threadIdx.x] += 1.0f;
}

// Keeps everything. The owner is the engine, so what was kept lives outside.
struct kept {
  struct event {
    enum class kind { call, op, sync, device, anchor } what;
    traced_call call;
    traced_op op;
    traced_sync sync;
    std::uint32_t device = 0;
    const char* name = "";
    std::int64_t device_ns = 0;
    std::uint64_t ticks = 0;
    std::int64_t uncertainty_ns = 0;
  };
  std::vector<event> events;
  std::uint64_t dropped = 0;
};

class keeper : public trace_input {
 public:
  explicit keeper(kept& to) : to_(to) {}
  void call(const traced_call& one) override { add(kept::event::kind::call).call = one; }
  void op(const traced_op& one) override { add(kept::event::kind::op).op = one; }
  void sync(const traced_sync& one) override { add(kept::event::kind::sync).sync = one; }
  void device(std::uint32_t number, const char* name) override {
    kept::event& e = add(kept::event::kind::device);
    e.device = number;
    e.name = name;
  }
  void anchor(std::int64_t device_ns, std::uint64_t ticks, std::int64_t uncertainty_ns) override {
    kept::event& e = add(kept::event::kind::anchor);
    e.device_ns = device_ns;
    e.ticks = ticks;
    e.uncertainty_ns = uncertainty_ns;
  }
  void dropped(std::uint64_t ops, std::uint64_t calls) override { to_.dropped += ops + calls; }
  [[nodiscard]] std::size_t outstanding() const override { return 0; }
  void flush() override {}
  void finish() override {}

 private:
  kept::event& add(kept::event::kind what) {
    to_.events.emplace_back();
    to_.events.back().what = what;
    return to_.events.back();
  }
  kept& to_;
};

struct lane {  // a stream and memory of its own
  lane() {
    CUDA_OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    CUDA_OK(cudaMalloc(&device, 4096));
    CUDA_OK(cudaMallocHost(&host, 4096));
  }
  ~lane() {
    cudaFreeHost(host);
    cudaFree(device);
    cudaStreamDestroy(stream);
  }
  cudaStream_t stream = nullptr;
  float* device = nullptr;
  float* host = nullptr;
};

void run_threads() {
  static const char* const names[] = {"thread 0", "thread 1", "thread 2"};
  std::vector<std::thread> workers;
  for (int t = 0; t < 3; ++t)
    workers.emplace_back([t] {
      LATENCY_SCOPE(names[t]);
      lane mine, other;
      cudaEvent_t ready = nullptr;
      CUDA_OK(cudaEventCreateWithFlags(&ready, cudaEventDisableTiming));
      for (int i = 0; i < 6; ++i) {
        LATENCY_SCOPE("layer");
        CUDA_OK(cudaMemcpyAsync(mine.device, mine.host, 4096, cudaMemcpyHostToDevice, mine.stream));
        for (int k = 0; k <= t; ++k) scale<<<1, 32, 0, mine.stream>>>(mine.device);
        CUDA_OK(cudaEventRecord(ready, mine.stream));
        CUDA_OK(cudaStreamWaitEvent(other.stream, ready));
        add<<<2, 64, 0, other.stream>>>(mine.device);
        CUDA_OK(cudaStreamSynchronize(other.stream));
      }
      CUDA_OK(cudaEventDestroy(ready));
    });
  for (std::thread& worker : workers) worker.join();
}

void run_graphs() {
  lane mine;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  {
    LATENCY_SCOPE("capture");
    CUDA_OK(cudaStreamBeginCapture(mine.stream, cudaStreamCaptureModeThreadLocal));
    for (int i = 0; i < 4; ++i) scale<<<1, 32, 0, mine.stream>>>(mine.device);
    CUDA_OK(cudaMemsetAsync(mine.device, 0, 64, mine.stream));
    CUDA_OK(cudaStreamEndCapture(mine.stream, &graph));
    CUDA_OK(cudaGraphInstantiate(&exec, graph, 0));
  }
  for (int i = 0; i < 5; ++i) {
    LATENCY_SCOPE("replay");
    CUDA_OK(cudaGraphLaunch(exec, mine.stream));
  }
  add<<<1, 32, 0, mine.stream>>>(mine.device);  // in no span
  CUDA_OK(cudaStreamSynchronize(mine.stream));
  CUDA_OK(cudaGraphExecDestroy(exec));
  CUDA_OK(cudaGraphDestroy(graph));
}

void write(const kept& all, const latency::recording& run, const traced_apis& apis,
           const std::function<std::int64_t(std::uint64_t)>& to_ns, const std::string& path) {
  latency::json_writer json(path);
  const auto number = [&](const char* key, std::int64_t value) {
    json.key(key);
    json.integer(value);
  };
  json.begin_object();
  json.key("apis");
  json.begin_object();
  for (std::size_t i = 0; i < apis.size(); ++i)
    if (const char* const name = apis[static_cast<std::uint16_t>(i)].name) {
      json.key(std::to_string(i));
      json.string(name);
    }
  json.end_object();
  json.line_break();
  json.key("spans");
  json.begin_object();
  for (const latency::span& s : run.spans) {
    json.key(std::to_string(s.id));
    json.string(run.name_of(s));
  }
  json.end_object();
  json.line_break();
  json.key("events");
  json.begin_array();
  for (const kept::event& e : all.events) {
    json.line_break();
    json.begin_object();
    json.key("event");
    switch (e.what) {
      case kept::event::kind::call:
        json.string("call");
        number("correlation", e.call.correlation);
        number("api", e.call.api);
        number("flags", e.call.flags);
        number("thread", e.call.thread);
        number("span", static_cast<std::int64_t>(e.call.span));
        number("start_ns", to_ns(e.call.start_ticks));
        number("end_ns", to_ns(e.call.end_ticks));
        break;
      case kept::event::kind::op:
        json.string("op");
        number("correlation", e.op.correlation);
        number("kind", static_cast<int>(e.op.kind));
        number("direction", static_cast<int>(e.op.direction));
        number("start_ns", e.op.start_ns);
        number("end_ns", e.op.end_ns);
        number("device", e.op.device);
        number("context", e.op.context);
        number("stream", e.op.stream);
        number("graph_node", static_cast<std::int64_t>(e.op.graph_node));
        number("bytes", e.op.bytes);
        json.key("name");
        json.string(e.op.name);
        number("grid_x", e.op.shape.grid_x);
        number("block_x", e.op.shape.block_x);
        number("registers_per_thread", e.op.shape.registers_per_thread);
        break;
      case kept::event::kind::sync:
        json.string("sync");
        number("correlation", e.sync.correlation);
        number("context", e.sync.context);
        number("stream", e.sync.stream);
        number("of", static_cast<std::int64_t>(e.sync.event));
        number("records", e.sync.records_event);
        break;
      case kept::event::kind::device:
        json.string("device");
        number("device", e.device);
        json.key("name");
        json.string(e.name);
        break;
      case kept::event::kind::anchor:
        json.string("anchor");
        number("device_ns", e.device_ns);
        number("session_ns", to_ns(e.ticks));
        number("uncertainty_ns", e.uncertainty_ns);
        break;
    }
    json.end_object();
  }
  json.end_array();
  json.end_object();
  json.finish();
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) throw latency::error("usage: record_activity threads|graphs FILE");
  CUDA_OK(cudaFree(nullptr));
  latency::session run;
  cupti_engine& engine = cupti_engine::instance();
  kept all;
  std::string why;
  cupti_settings settings;
  settings.buffer_bytes = std::size_t{1} << 20;
  settings.buffers = 8;
  settings.syncs = true;
  settings.flush_every = std::chrono::milliseconds(1);
  const std::uint64_t origin = run.recorder()->now_ticks();
  if (!engine.load(why) ||
      !engine.start(run.recorder(), std::make_unique<keeper>(all), settings, why))
    throw latency::error(why);
  std::string(argv[1]) == "graphs" ? run_graphs() : run_threads();
  engine.stop();
  const double ns_per_tick = run.recorder()->measure_ns_per_tick();
  const latency::recording spans = run.stop();
  if (all.dropped != 0) throw latency::error("records were dropped");
  write(
      all, spans, engine.apis(),
      [&](std::uint64_t ticks) {
        return static_cast<std::int64_t>(
            static_cast<double>(static_cast<std::int64_t>(ticks - origin)) * ns_per_tick);
      },
      argv[2]);
} catch (const latency::error& e) {
  std::fprintf(stderr, "record_activity: %s\n", e.what());
  return 2;
}
