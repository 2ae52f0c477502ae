// latency/cuda.hpp on a device: windows and marks of work of known length and number.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <latency/cuda.hpp>
#include <latency/latency.hpp>
#include <latency/memory.hpp>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "recorded_events.hpp"
#include "work.cuh"

using work::count_windows;
using work::ms;
using work::recorded;

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
