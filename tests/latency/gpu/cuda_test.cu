// latency/cuda.hpp on a device: windows and marks of work of known length and number.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <latency/cuda.hpp>
#include <latency/latency.hpp>
#include <latency/memory.hpp>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "work.cuh"

namespace {

constexpr std::int64_t ms = 1'000'000;

std::map<std::string, int> count_windows(const latency::recording& r) {
  std::map<std::string, int> counts;
  for (const latency::event_window& w : r.event_windows) ++counts[r.strings[w.name]];
  return counts;
}

// A whole recording of what `body` does, with what CUDA says of its work.
template <class Body>
latency::recording recorded(const Body& body, const latency::cuda::event_options& options = {}) {
  CUDA_OK(cudaFree(nullptr));
  latency::session run;
  latency::cuda::events gpu{run, options};
  REQUIRE_MESSAGE(gpu.started(), gpu.why_not());
  body(run);
  return run.stop();
}

}  // namespace

TEST_CASE("cuda: a window is as long as its kernel, lies in the session, and belongs to its span") {
  const work::stream stream;
  const latency::recording r = recorded([&](latency::session&) {
    work::spin<<<1, 1, 0, stream>>>(1000);  // the first launch loads the module
    stream.wait();
    for (int i = 0; i < 5; ++i) {
      latency::cuda::scope s{stream, "spin", {"i", i}};
      work::spin<<<1, 1, 0, stream>>>(20 * ms);
    }
    stream.wait();
  });
  REQUIRE(r.event_windows.size() == 5);
  REQUIRE(r.device_clocks.size() == 1);
  CHECK(r.device_clocks[0].tier == latency::device_tier::events);
  CHECK(r.device_clocks[0].anchors >= 2);
  const std::int64_t unsure_ns = r.device_clocks[0].uncertainty_ns + 1000;
  for (std::size_t i = 0; i < 5; ++i) {
    const latency::event_window& w = r.event_windows[i];
    CHECK(w.end_ns - w.start_ns > 20 * ms * 98 / 100);
    CHECK(w.end_ns - w.start_ns < 20 * ms * 102 / 100);
    CHECK(w.resolution_ns > 0);
    CHECK(w.resolution_ns < 200);
    const auto span = std::find_if(r.spans.begin(), r.spans.end(),
                                   [&](const latency::span& s) { return s.id == w.span; });
    REQUIRE(span != r.spans.end());
    CHECK(r.integer_attribute(span->attributes, r.strings.find("i"), -1) ==
          static_cast<std::int64_t>(i));
    CHECK(w.end_ns > span->start_ns);  // it ran after its launch
    CHECK(w.start_ns > -unsure_ns);
    CHECK(w.end_ns < r.wall_ns + unsure_ns);
  }
  CHECK(r.hygiene.dropped_device_ops == 0);
}

TEST_CASE("cuda: stages touch, and together are as long as the scope around them") {
  const work::stream stream;
  const latency::recording r = recorded([&](latency::session&) {
    latency::cuda::scope whole{stream, "whole"};
    latency::cuda::stages stage{stream};
    for (const char* name : {"norm", "attention", "ffn"}) {
      stage.next(name);
      work::spin<<<1, 1, 0, stream>>>(5 * ms);
    }
    stage.finish();
    stream.wait();
  });
  REQUIRE(r.event_windows.size() == 4);
  std::int64_t sum_ns = 0, whole_ns = 0, end_ns = 0;
  for (const latency::event_window& w : r.event_windows) {
    if (r.strings[w.name] == "whole") {
      whole_ns = w.end_ns - w.start_ns;
      continue;
    }
    if (end_ns != 0) CHECK(w.start_ns == end_ns);
    end_ns = w.end_ns;
    sum_ns += w.end_ns - w.start_ns;
  }
  CHECK(sum_ns > 15 * ms);
  CHECK(sum_ns <= whole_ns);
  CHECK(whole_ns - sum_ns < ms);
}

TEST_CASE("cuda: four threads on four streams: every scope has its window, every mark its row") {
  constexpr int threads = 4, rounds = 500;
  const latency::recording r = recorded([&](latency::session& run) {
    std::atomic<bool> done{false};
    std::thread poller([&] {
      while (!done) run.poll();
    });
    std::vector<std::thread> workers;
    for (int t = 0; t < threads; ++t)
      workers.emplace_back([t] {
        const work::stream stream;
        for (int i = 0; i < rounds; ++i) {
          latency::cuda::scope outer{stream, "outer"};
          {
            latency::cuda::scope inner{stream, "inner"};
            work::empty<<<1, 32, 0, stream>>>();
          }
          latency::mark(stream, "token", t * rounds + i);
          if (i % 50 == 49) stream.wait();
        }
        stream.wait();
      });
    for (std::thread& worker : workers) worker.join();
    done = true;
    poller.join();
  });
  CHECK(r.hygiene.dropped_device_ops == 0);
  const auto counts = count_windows(r);
  CHECK(counts.at("outer") == threads * rounds);
  CHECK(counts.at("inner") == threads * rounds);
  REQUIRE(r.marks.size() == std::size_t{threads} * rounds);
  std::map<latency::span_id, latency::event_window> outer, inner;
  for (const latency::event_window& w : r.event_windows)
    (r.strings[w.name] == "outer" ? outer : inner)[w.span] = w;
  CHECK(outer.size() == std::size_t{threads} * rounds);
  for (const latency::span& s : r.spans)
    if (r.name_of(s) == "inner") {
      const latency::event_window &in = inner.at(s.id), &around = outer.at(s.parent);
      CHECK(in.stream == around.stream);
      CHECK(in.start_ns >= around.start_ns - in.resolution_ns);
      CHECK(in.end_ns <= around.end_ns + in.resolution_ns);
    }
  std::map<std::uint32_t, std::vector<latency::completion_mark>> by_stream;
  for (const latency::completion_mark& m : r.marks) by_stream[m.stream].push_back(m);
  CHECK(by_stream.size() == std::size_t{threads});
  for (auto& [stream, marks] : by_stream) {
    std::sort(marks.begin(), marks.end(),
              [](const auto& a, const auto& b) { return a.index < b.index; });
    for (std::size_t i = 1; i < marks.size(); ++i) CHECK(marks[i].time_ns >= marks[i - 1].time_ns);
  }
}

TEST_CASE("cuda: with too few events what is left out is counted, and the spans stay") {
  const work::stream stream;
  latency::cuda::event_options few;
  few.events = 8;
  const latency::recording r = recorded(
      [&](latency::session&) {
        work::spin<<<1, 1, 0, stream>>>(50 * ms);  // nothing completes meanwhile
        for (int i = 0; i < 20; ++i) {
          latency::cuda::scope s{stream, "step"};
          work::empty<<<1, 32, 0, stream>>>();
        }
        stream.wait();
      },
      few);
  CHECK(r.spans.size() == 20);
  CHECK(r.event_windows.size() == 4);
  CHECK(r.hygiene.dropped_device_ops == 16);
}

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

TEST_CASE("cuda: while a stream captures, what is on it is left out and counted") {
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
      CHECK(nodes == 1);  // no event of ours became part of it
      CUDA_OK(cudaGraphDestroy(graph));
    }
    CUDA_OK(cudaDeviceSynchronize());
    done = true;
    poller.join();
  });
  CHECK(count_windows(r).at("around") == 20);
  CHECK(r.event_windows.size() == 20);
  CHECK(r.marks.empty());
  CHECK(r.hygiene.dropped_device_ops == 40);
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

TEST_CASE("cuda: every stream has its number, default ones and those that reuse a handle too") {
  const latency::recording r = recorded([&](latency::session&) {
    for (int i = 0; i < 8; ++i) {
      const work::stream stream;
      latency::cuda::scope s{stream, "own"};
    }
    for (const cudaStream_t stream : {cudaStream_t{nullptr}, cudaStreamLegacy, cudaStreamPerThread})
      latency::mark(stream, "default", 0);
    // A thread that has not used CUDA before.
    std::thread([] { latency::mark(cudaStreamPerThread, "default", 1); }).join();
    CUDA_OK(cudaDeviceSynchronize());
  });
  REQUIRE(r.event_windows.size() == 8);
  REQUIRE(r.marks.size() == 4);
  std::set<std::uint32_t> streams;
  for (const latency::event_window& w : r.event_windows) streams.insert(w.stream);
  CHECK(streams.size() == 8);
  for (const latency::completion_mark& m : r.marks) streams.insert(m.stream);
  CHECK(streams.size() == 8 + 3);  // legacy under both its names
  CHECK(r.hygiene.dropped_device_ops == 0);
}

TEST_CASE("cuda: the program's own last error stays for it to find") {
  const work::stream stream;
  CUDA_OK(cudaFree(nullptr));
  CHECK(cudaSetDevice(-1) == cudaErrorInvalidDevice);
  {
    latency::session run;
    latency::cuda::events gpu{run};
    REQUIRE_MESSAGE(gpu.started(), gpu.why_not());
    {
      latency::cuda::profile_region region{"steady"};
      latency::cuda::scope s{stream, "step"};
      work::spin<<<1, 1, 0, stream>>>(20 * ms);
    }
    run.poll();  // it is not complete: no error of the program's
    latency::memory::snapshot("here");
    const latency::recording r = run.stop();
    CHECK(r.event_windows.size() == 1);
    CHECK(r.spans.size() == 2);
    CHECK(r.memory.size() == 1);
  }
  CHECK(cudaGetLastError() == cudaErrorInvalidDevice);
  CHECK(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("cuda: what still runs when the session ends is waited for, within bounds") {
  const work::stream stream;
  SUBCASE("long enough") {
    const latency::recording r = recorded([&](latency::session&) {
      latency::cuda::scope s{stream, "late"};
      work::spin<<<1, 1, 0, stream>>>(100 * ms);
    });
    CHECK(r.event_windows.size() == 1);
    CHECK(r.hygiene.dropped_device_ops == 0);
  }
  SUBCASE("not for ever") {
    latency::cuda::event_options impatient;
    impatient.finish_within = std::chrono::milliseconds(1);
    const latency::recording r = recorded(
        [&](latency::session&) {
          latency::cuda::scope s{stream, "late"};
          work::spin<<<1, 1, 0, stream>>>(100 * ms);
        },
        impatient);
    CHECK(r.event_windows.empty());
    CHECK(r.hygiene.dropped_device_ops == 1);
    stream.wait();
  }
}

TEST_CASE("cuda: one session after the other, and none beside another") {
  const work::stream stream;
  for (int round = 0; round < 3; ++round) {
    const latency::recording r = recorded([&](latency::session& run) {
      latency::cuda::events second{run};
      CHECK(!second.started());
      CHECK(second.why_not() == "another latency::cuda::events measures already");
      latency::cuda::scope s{stream, "step"};
    });
    CHECK(r.event_windows.size() == 1);
    CHECK(std::get<std::string>(r.run.at("tier")) == "events");
  }
  latency::cuda::scope nobody_records{stream, "step"};
  latency::mark(stream, "token", 0);
  CHECK(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("cuda: a window that is open when its events go is not one of those that come after") {
  const work::stream stream;
  latency::cuda::event_options few;
  few.events = 2;
  latency::session run;
  std::optional<latency::cuda::events> gpu{std::in_place, run, few};
  REQUIRE(gpu->started());
  std::optional<latency::cuda::scope> open;
  open.emplace(stream, "open");
  gpu.reset();
  gpu.emplace(run, few);
  REQUIRE(gpu->started());
  open.reset();
  { latency::cuda::scope s{stream, "new"}; }
  stream.wait();
  const latency::recording r = run.stop();
  REQUIRE(r.event_windows.size() == 1);
  CHECK(r.strings[r.event_windows[0].name] == "new");
  CHECK(r.spans.size() == 2);
}

TEST_CASE("cuda: a device that is named twice is measured once") {
  const work::stream stream;
  latency::cuda::event_options twice;
  twice.devices = {0, 0};
  const latency::recording r = recorded(
      [&](latency::session&) {
        latency::cuda::scope s{stream, "step"};
      },
      twice);
  CHECK(r.device_clocks.size() == 1);
  CHECK(r.event_windows.size() == 1);
}

TEST_CASE("cuda: a span that is open when the session ends may close later") {
  const work::stream stream;
  latency::session run;
  std::optional<latency::cuda::events> gpu{std::in_place, run};
  REQUIRE(gpu->started());
  {
    latency::cuda::scope open{stream, "open"};
    latency::cuda::stages stage{stream};
    stage.next("first");
    CHECK(run.stop().event_windows.empty());
    stage.next("second");
  }
  gpu.reset();
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
}

TEST_CASE("cuda: snapshots of memory know the device's") {
  const latency::recording r = recorded([&](latency::session&) {
    const work::stream stream;
    latency::memory::snapshot("before");
    void* from_pool = nullptr;
    CUDA_OK(cudaMallocAsync(&from_pool, std::size_t{64} << 20, stream));
    stream.wait();
    latency::memory::snapshot("with");
    CUDA_OK(cudaFreeAsync(from_pool, stream));
    stream.wait();
    latency::memory::snapshot("after");
  });
  REQUIRE(r.memory.size() == 3);
  CHECK(r.memory[1].device_used_bytes >= r.memory[0].device_used_bytes + (std::int64_t{64} << 20));
  CHECK(r.memory[2].device_peak_bytes >= r.memory[1].device_used_bytes);
  const auto pool_used = [&](std::size_t i) { return r.memory[i].device_pool_used_bytes; };
  CHECK(pool_used(1) == pool_used(0) + (std::int64_t{64} << 20));
  CHECK(pool_used(2) == pool_used(0));
  CHECK(r.memory[2].device_pool_peak_bytes >= pool_used(1));
}
