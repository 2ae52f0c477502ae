#pragma once
// A recording of what a test does between events, with what CUDA says of its work.

#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <latency/cuda.hpp>
#include <latency/latency.hpp>
#include <map>
#include <string>

#include "work.cuh"

namespace work {

constexpr std::int64_t ms = 1'000'000;

inline std::map<std::string, int> count_windows(const latency::recording& r) {
  std::map<std::string, int> counts;
  for (const latency::event_window& w : r.event_windows) ++counts[r.strings[w.name]];
  return counts;
}

// The whole recording of what `body` does.
template <class Body>
latency::recording recorded(const Body& body, const latency::cuda::event_options& options = {}) {
  CUDA_OK(cudaFree(nullptr));
  latency::session run;
  latency::cuda::events gpu{run, options};
  REQUIRE_MESSAGE(gpu.started(), gpu.why_not());
  body(run);
  return run.stop();
}

}  // namespace work
