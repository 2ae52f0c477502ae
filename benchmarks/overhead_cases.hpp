#pragma once
// What measure_overhead measures the measuring of. Those for a device are in overhead_cases_cuda.cu
// and overhead_gemm.cu; a build without CUDA has overhead_cases_absent.cpp instead.

#include <latency/overhead.hpp>
#include <string>
#include <vector>

namespace benchmarks {

struct overhead_case {
  std::string name;
  latency::overhead_workload work;
  std::vector<latency::overhead_tier> tiers;
  // Of two loops that do the same: the gain is the device's time of the first over that of the
  // second, in each process. Empty: the case has none.
  std::string slow_loop, fast_loop;
};

// The device, in words; empty where there is none. Asked in a process of its own: this one must not
// use CUDA.
[[nodiscard]] std::string device_in_words();

// Need a device. The names of their loops are unique, and say what a pass is.
[[nodiscard]] std::vector<overhead_case> device_cases();

}  // namespace benchmarks
