// latency/cuda.hpp beside streams that capture graphs: no capture breaks, and what could not be
// measured is counted.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <latency/cuda.hpp>
#include <latency/latency.hpp>
#include <latency/memory.hpp>
#include <optional>
#include <thread>

#include "recorded_events.hpp"
#include "work.cuh"

using work::count_windows;
using work::ms;
using work::recorded;

TEST_CASE("cuda: a capture of another thread is left alone by all that goes on beside it") {
  const work::stream stream, other;
  std::atomic<bool> captures{false}, done{false};
  std::thread capturer([&] {
    for (int i = 0; i < 20; ++i) {
      cudaGraph_t graph = nullptr;
      CUDA_OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
      captures = true;
      for (int k = 0; k < 10; ++k) {
        work::empty<<<1, 32, 0, stream>>>();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      CUDA_OK(cudaStreamEndCapture(stream, &graph));  // fails when anything broke it
      std::size_t nodes = 0;
      CUDA_OK(cudaGraphGetNodes(graph, nullptr, &nodes));
      CHECK(nodes == 10);
      CUDA_OK(cudaGraphDestroy(graph));
    }
    done = true;
  });
  while (!captures) std::this_thread::yield();
  int rounds = 0;
  while (!done) {
    latency::session run;
    latency::cuda::event_options few;
    few.events = 64;
    latency::cuda::events gpu{run, few};
    REQUIRE_MESSAGE(gpu.started(), gpu.why_not());
    for (int i = 0; i < 10; ++i) {
      latency::cuda::scope s{other, "step"};
      work::empty<<<1, 32, 0, other>>>();
      latency::mark(other, "token", i);
      run.poll();
    }
    CHECK(latency::memory::read_usage().device_used_bytes > 0);
    const latency::recording r = run.stop();
    CHECK(r.event_windows.size() == 10);
    CHECK(r.marks.size() == 10);
    CHECK(r.hygiene.dropped_device_ops == 0);
    ++rounds;
  }
  capturer.join();
  CHECK(rounds > 0);
}

TEST_CASE(
    "cuda: while a stream captures, windows become nodes, and marks are left out and counted") {
  const work::stream stream, other;
  const latency::recording r = recorded([&](latency::session& run) {
    std::atomic<bool> done{false};
    std::thread poller([&] {
      while (!done) run.poll();
    });
    for (int i = 0; i < 20; ++i) {
      cudaGraph_t graph = nullptr;
      {
        latency::cuda::scope around{other, "around"};
        CUDA_OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
        {
          latency::cuda::scope captured{stream, "captured"};
          work::empty<<<1, 32, 0, stream>>>();
          latency::mark(stream, "captured", i);
        }
        CUDA_OK(cudaStreamEndCapture(stream, &graph));
      }
      std::size_t nodes = 0;
      CUDA_OK(cudaGraphGetNodes(graph, nullptr, &nodes));
      CHECK(nodes == 3);  // the kernel, and both ends of the window
      CUDA_OK(cudaGraphDestroy(graph));
    }
    CUDA_OK(cudaDeviceSynchronize());
    done = true;
    poller.join();
  });
  CHECK(count_windows(r).at("around") == 20);
  CHECK(r.event_windows.size() == 20);  // the graphs were never launched
  CHECK(r.marks.empty());
  CHECK(r.hygiene.dropped_device_ops == 20);
}

TEST_CASE("cuda: a capture that begins inside a window costs that window, and no later one") {
  const work::stream stream, other;
  const latency::recording r = recorded([&](latency::session& run) {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    std::optional<latency::cuda::scope> around;
    around.emplace(stream, "around");
    latency::cuda::stages stage{stream};
    stage.next("before");
    CUDA_OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    work::empty<<<1, 32, 0, stream>>>();
    stage.next("captured");
    around.reset();
    std::thread([&] {
      for (int i = 0; i < 100; ++i) run.poll();
    }).join();
    work::empty<<<1, 32, 0, stream>>>();
    CUDA_OK(cudaStreamEndCapture(stream, &graph));  // nobody asked for an event that it swallowed
    CUDA_OK(cudaGraphInstantiate(&exec, graph, 0));
    stage.next("after");  // stages are measured again
    for (int i = 0; i < 20; ++i) {
      latency::cuda::scope later{other, "later"};
      work::spin<<<1, 1, 0, other>>>(ms);
      CUDA_OK(cudaGraphLaunch(exec, stream));
    }
    stage.finish();
    CUDA_OK(cudaDeviceSynchronize());
    CUDA_OK(cudaGraphExecDestroy(exec));
    CUDA_OK(cudaGraphDestroy(graph));
  });
  CHECK(r.hygiene.dropped_device_ops == 3);  // around, before, captured
  const auto counts = count_windows(r);
  CHECK(counts.size() == 2);
  CHECK(counts.at("later") == 20);
  CHECK(counts.at("after") == 1);
  for (const latency::event_window& w : r.event_windows)
    if (r.strings[w.name] == "later") {
      CHECK(w.end_ns - w.start_ns >= ms);
      CHECK(w.end_ns - w.start_ns < 2 * ms);
    }
}

TEST_CASE("cuda: a capture that the legacy stream would break is left alone") {
  cudaStream_t blocking = nullptr;
  CUDA_OK(cudaStreamCreate(&blocking));
  const auto measure = [] {
    latency::cuda::scope s{nullptr, "legacy"};
    latency::mark(nullptr, "legacy", 0);
  };
  const latency::recording r = recorded([&](latency::session&) {
    cudaGraph_t graph = nullptr;
    CUDA_OK(cudaStreamBeginCapture(blocking, cudaStreamCaptureModeGlobal));
    work::empty<<<1, 32, 0, blocking>>>();
    SUBCASE("on the thread that captures") {
      measure();
    }
    SUBCASE("on a thread that has not used CUDA before") {
      std::thread(measure).join();
    }
    CUDA_OK(cudaStreamEndCapture(blocking, &graph));
    CUDA_OK(cudaGraphDestroy(graph));
    measure();
  });
  CHECK(r.event_windows.size() == 1);
  CHECK(r.marks.size() == 1);
  CHECK(r.hygiene.dropped_device_ops == 2);
  CUDA_OK(cudaStreamDestroy(blocking));
}
