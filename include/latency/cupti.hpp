#pragma once
// Every kernel, copy and memset of the program, counted once and given to the span that launched
// it, through CUPTI. Needs the headers of a CUDA toolkit to compile and nothing to link: libcupti
// is loaded when a collector is made, and where that fails the program runs on without it.
//
//   latency::session run{"timing.json"};
//   latency::cupti::collector gpu{run};
//   if (!gpu.started()) std::cerr << "no kernels: " << gpu.why_not() << '\n';
//
// Searched: $LATENCY_CUPTI (a path), else libcupti.so.<major version of the toolkit> as the dynamic
// linker finds it, then below $CUDA_HOME, $CUDA_PATH and /usr/local/cuda. The file's `run` object
// says what it knows of devices (`tier`), and why not more (`tier_reason`).
//
// What runs belongs to the innermost span that is open on the thread that launches it, at the
// launch; what a graph replay runs also to those that were open where it was captured
// (docs/cuda-graphs.md). CUPTI has one user in a process: under Nsight, or beside another profiler,
// a collector does not start. The first one of a process takes 100 ms to start, so that CUPTI knows
// the rates of the devices' clocks. Costs per launch, measured: docs/gpu.md.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "detail/device_source.hpp"
#include "session.hpp"

namespace latency::cupti {

enum class collector_mode : std::uint8_t {
  keep,      // every device op and call, in the session's file
  aggregate  // totals by path of spans and kernel: memory that does not grow with the run
};

struct options {
  collector_mode mode = collector_mode::keep;
  // Each thread that launches fills a buffer of its own; 2 MiB hold 9700 kernels. When all are
  // full, more are made, up to 256. The first collector of a process decides for those after it.
  std::size_t buffer_bytes = std::size_t{2} << 20;
  std::size_t buffers = 16;
  // How often records are fetched from buffers that are not full.
  std::chrono::milliseconds flush_every{100};
  // The longest that the end of the session waits for kernels that still run.
  std::chrono::milliseconds finish_within{1000};
};

// Collects from its making to its end, or to the session's. One at a time. Make and end it where
// nothing is launched meanwhile, to have all launches or none; everything else may go on on any
// thread.
class collector {
 public:
  explicit collector(session& run, const options& wanted = {});
  collector(const collector&) = delete;
  collector& operator=(const collector&) = delete;
  ~collector();

  [[nodiscard]] bool started() const noexcept { return started_; }
  // One line when it did not start, else empty.
  [[nodiscard]] const std::string& why_not() const noexcept { return why_not_; }

 private:
  std::shared_ptr<detail::recorder> recorder_;
  std::shared_ptr<detail::device_source> source_;
  bool started_ = false;
  std::string why_not_;
};

}  // namespace latency::cupti

#ifndef LATENCY_COMPILED
#include "detail/compiled/cupti.hpp"
#endif
