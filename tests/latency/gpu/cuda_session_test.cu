// latency/cuda.hpp at the ends of sessions, and what a program sees of it.
#include <doctest/doctest.h>

#include <chrono>
#include <latency/cuda.hpp>
#include <latency/latency.hpp>
#include <latency/memory.hpp>
#include <optional>
#include <string>
#include <variant>

#include "recorded_events.hpp"
#include "work.cuh"

using work::ms;
using work::recorded;

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
