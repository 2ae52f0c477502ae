// How long kernels of known length take as cupti.hpp records them, row by row and in totals, and
// that a million of them are all there.
#include <doctest/doctest.h>

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
using work::first_device;
using work::stream;

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
