// A program that uses cuda.hpp on a machine without a device: it runs, its spans are recorded, and
// the recording says why the device's times are not.
#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <cstdlib>
#include <latency/cuda.hpp>
#include <latency/latency.hpp>
#include <string>
#include <variant>
#include <vector>

namespace {

// Hides what the machine may have, before CUDA looks.
const int hidden = ::setenv("CUDA_VISIBLE_DEVICES", "", 1);

std::vector<std::string> span_names(const latency::recording& r) {
  std::vector<std::string> names;
  for (const latency::span& s : r.spans) names.push_back(r.name_of(s));
  return names;
}

// What an instrumented program does.
template <class Span, class Scope, class Stages>
void decode_one(int token) {
  Scope scope{nullptr, "decode", {"token", token}};
  scope.add({"batch", 2});
  {
    Stages stage{nullptr};
    stage.next("attention");
    stage.next("ffn", {"layer", 1});
    stage.finish();
  }
  latency::mark<Span>(nullptr, "token", token);
}
void decode(int token) {
  decode_one<latency::scope, latency::cuda::scope, latency::cuda::stages>(token);
}
void decode_with_recording_off(int token) {
  using off = latency::recording_off::scope;
  decode_one<off, latency::cuda::basic_scope<off>, latency::cuda::basic_stages<off>>(token);
}

std::string profiler_calls;

}  // namespace

// In place of the CUDA runtime's (the linker wraps them).
extern "C" cudaError_t __wrap_cudaProfilerStart() {
  profiler_calls += "start ";
  return cudaSuccess;
}
extern "C" cudaError_t __wrap_cudaProfilerStop() {
  profiler_calls += "stop ";
  return cudaSuccess;
}

TEST_CASE("cuda: without a device the spans are recorded, and the recording says why no more is") {
  REQUIRE(hidden == 0);
  latency::session run;
  latency::cuda::events gpu{run};
  CHECK(!gpu.started());
  CHECK(gpu.why_not().rfind("no CUDA device: ", 0) == 0);
  CHECK(gpu.why_not().find('\n') == std::string::npos);
  {
    latency::cuda::profile_region region{"steady"};
    decode(7);
    decode_with_recording_off(8);
  }
  {
    const latency::cuda::graph_timing timed{nullptr, nullptr};
    CHECK(latency::cuda::launch(nullptr, nullptr) != cudaSuccess);  // what CUDA says of it
    CHECK(latency::cuda::launch<latency::recording_off::scope>(nullptr, nullptr) != cudaSuccess);
  }
  run.poll();
  const latency::memory::usage now = latency::memory::snapshot("here");
  CHECK(now.device_used_bytes == 0);
  const latency::recording r = run.stop();
  CHECK(span_names(r) == std::vector<std::string>{"attention", "ffn", "decode", "steady"});
  CHECK(r.spans[0].parent == r.spans[2].id);
  CHECK(r.spans[1].parent == r.spans[2].id);
  CHECK(r.spans[2].parent == r.spans[3].id);
  CHECK(r.spans[0].end_ns <= r.spans[1].start_ns);
  CHECK(r.integer_attribute(r.spans[2].attributes, r.strings.find("token"), -1) == 7);
  CHECK(r.integer_attribute(r.spans[2].attributes, r.strings.find("batch"), -1) == 2);
  CHECK(r.integer_attribute(r.spans[1].attributes, r.strings.find("layer"), -1) == 1);
  CHECK(r.event_windows.empty());
  CHECK(r.marks.empty());
  CHECK(r.device_clocks.empty());
  CHECK(r.memory.size() == 1);
  CHECK(r.hygiene.dropped_device_ops == 0);
  CHECK(std::get<std::string>(r.run.at("tier")) == "host");
  CHECK(std::get<std::string>(r.run.at("tier_reason")) == gpu.why_not());
}

TEST_CASE("cuda: a session that has ended or records nothing is a reason, too") {
  latency::session run;
  static_cast<void>(run.stop());
  const latency::cuda::events gpu{run};
  CHECK(!gpu.started());
  CHECK(gpu.why_not() == "the session does not record");
  decode(0);
  latency::cuda::profile_region region{"nobody records"};
}

TEST_CASE("cuda: a profiled region is one of those that LATENCY_REGIONS selects") {
  profiler_calls.clear();
  ::setenv("LATENCY_REGIONS", "steady:wait=1,active=1", 1);
  latency::session run;
  ::unsetenv("LATENCY_REGIONS");
  for (int i = 0; i < 3; ++i) {
    latency::cuda::profile_region region{"steady"};
    decode(i);
  }
  const latency::recording r = run.stop();
  CHECK(span_names(r) == std::vector<std::string>{"attention", "ffn", "decode", "steady"});
  CHECK(r.integer_attribute(r.spans[2].attributes, r.strings.find("token"), -1) == 1);
  CHECK(r.hygiene.skipped_regions == 2);
  CHECK(profiler_calls == "start stop ");
}

TEST_CASE("cuda: without a session profilers record the region all the same") {
  profiler_calls.clear();
  { latency::cuda::profile_region region{"steady"}; }
  CHECK(profiler_calls == "start stop ");
}
