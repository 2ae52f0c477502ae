// Windows of latency/cuda.hpp inside captured graphs: each replay's own times through cuda::launch,
// the last replay's after a plain launch.
#include <doctest/doctest.h>

#include <latency/cuda.hpp>
#include <latency/latency.hpp>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "recorded_events.hpp"
#include "work.cuh"

using work::count_windows;
using work::graph;
using work::ms;
using work::recorded;

namespace {

// 1 ms in "attention", 2 ms in "ffn".
void layers(cudaStream_t on) {
  latency::cuda::stages stage{on};
  stage.next("attention");
  work::spin<<<1, 1, 0, on>>>(ms);
  stage.next("ffn");
  work::spin<<<1, 1, 0, on>>>(2 * ms);
  stage.finish();
}

}  // namespace

TEST_CASE("cuda graphs: twenty replays in flight keep their own times") {
  const work::stream stream;
  const latency::recording r = recorded([&](latency::session&) {
    graph g;
    g.capture(stream, [&] { layers(stream); });
    g.instantiate();
    std::size_t nodes = 0;
    CUDA_OK(cudaGraphGetNodes(g.handle, nullptr, &nodes));
    CHECK(nodes == 2 + 3);
    CUDA_OK(cudaGraphUpload(g.exec, stream));
    const latency::cuda::graph_timing timed{g.exec, g.handle};
    for (int i = 0; i < 20; ++i) {
      LATENCY_SCOPE("token");
      CUDA_OK(latency::cuda::launch(g.exec, stream));
    }
    CUDA_OK(cudaDeviceSynchronize());
  });
  CHECK(r.hygiene.dropped_device_ops == 0);
  CHECK(count_windows(r) ==
        std::map<std::string, int>{{"attention", 20}, {"ffn", 20}, {"graph replay", 20}});
  std::set<std::uint64_t> replays;
  std::map<std::string, std::int64_t> last_start;
  for (const latency::event_window& w : r.event_windows) {
    const std::string name = r.strings[w.name];
    const std::int64_t expected = name == "attention" ? ms : name == "ffn" ? 2 * ms : 3 * ms;
    CHECK(w.end_ns - w.start_ns >= expected - ms / 500);  // the kernel reads another clock
    CHECK(w.end_ns - w.start_ns < expected + 5 * ms);     // the first may load something
    CHECK(w.replay != 0);
    CHECK(w.last_replay == 0);
    replays.insert(w.replay);
    if (last_start.count(name)) CHECK(w.start_ns >= last_start[name] + expected);
    last_start[name] = w.start_ns;
  }
  CHECK(replays.size() == 20);
}

TEST_CASE("cuda graphs: kernels that begin early are captured with windows between them") {
  const work::stream stream;
  const work::buffers memory{4096};
  CUDA_OK(cudaMemset(memory.device, 0, memory.bytes));
  const latency::recording r = recorded([&](latency::session&) {
    graph g;
    g.capture(stream, [&] {
      latency::cuda::stages stage{stream};
      for (const char* name : {"attention", "ffn"}) {
        stage.next(name);
        for (int i = 0; i < 10; ++i)
          work::launch_early(work::small_early, 32, stream, memory.device);
      }
      stage.finish();
    });
    g.instantiate();
    const latency::cuda::graph_timing timed{g.exec, g.handle};
    for (int i = 0; i < 20; ++i) CUDA_OK(latency::cuda::launch(g.exec, stream));
    CUDA_OK(cudaDeviceSynchronize());
  });
  CHECK(count_windows(r) ==
        std::map<std::string, int>{{"attention", 20}, {"ffn", 20}, {"graph replay", 20}});
  CHECK(r.hygiene.dropped_device_ops == 0);
  float sum = 0;
  CUDA_OK(cudaMemcpy(&sum, memory.device, sizeof sum, cudaMemcpyDeviceToHost));
  CHECK(sum == 400);
}

TEST_CASE("cuda graphs: after plain launches the last replay is there, and says so") {
  const work::stream stream;
  const latency::recording plain = recorded([&](latency::session& run) {
    graph g;
    g.capture(stream, [&] { layers(stream); });
    g.instantiate();
    for (int i = 0; i < 3; ++i) CUDA_OK(cudaGraphLaunch(g.exec, stream));
    CUDA_OK(latency::cuda::launch(g.exec, stream));  // nothing is bound: the same
    run.poll();
    CUDA_OK(cudaDeviceSynchronize());
  });
  CHECK(count_windows(plain) == std::map<std::string, int>{{"attention", 1}, {"ffn", 1}});
  for (const latency::event_window& w : plain.event_windows) {
    CHECK(w.last_replay == 1);
    CHECK(w.end_ns - w.start_ns >= ms);
  }
}

TEST_CASE("cuda graphs: destroyed and rebuilt 1000 times, no event is lost") {
  const work::stream stream;
  latency::cuda::event_options few;
  few.events = 256;
  const latency::recording r = recorded(
      [&](latency::session& run) {
        for (int i = 0; i < 1000; ++i) {
          graph g;
          g.capture(stream, [&] {
            latency::cuda::scope s{stream, "step"};
            work::empty<<<1, 32, 0, stream>>>();
          });
          g.instantiate();
          const latency::cuda::graph_timing timed{g.exec, g.handle};
          CUDA_OK(latency::cuda::launch(g.exec, stream));
          stream.wait();
          run.poll();
        }
      },
      few);
  CHECK(count_windows(r) == std::map<std::string, int>{{"step", 1000}, {"graph replay", 1000}});
  CHECK(r.hygiene.dropped_device_ops == 0);
}

TEST_CASE("cuda graphs: two threads that capture and launch at once keep their windows apart") {
  const latency::recording r = recorded([&](latency::session&) {
    static const char* const names[] = {"first", "second"};
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t)
      threads.emplace_back([t] {
        const work::stream mine;
        for (int round = 0; round < 10; ++round) {
          graph g;
          g.capture(
              mine,
              [&] {
                latency::cuda::scope s{mine, names[t]};
                work::spin<<<1, 1, 0, mine>>>((t + 1) * ms / 10);
              },
              cudaStreamCaptureModeThreadLocal);
          g.instantiate();
          const latency::cuda::graph_timing timed{g.exec, g.handle};
          for (int i = 0; i < 5; ++i) CUDA_OK(latency::cuda::launch(g.exec, mine));
          mine.wait();
        }
      });
    for (std::thread& t : threads) t.join();
  });
  CHECK(r.hygiene.dropped_device_ops == 0);
  const auto counts = count_windows(r);
  CHECK(counts.at("first") == 50);
  CHECK(counts.at("second") == 50);
  for (const latency::event_window& w : r.event_windows)
    if (r.strings[w.name] == "second") CHECK(w.end_ns - w.start_ns >= ms / 5);
}
