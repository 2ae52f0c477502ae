#pragma once
// What denoising steps ran on the device, kernel by kernel, from a recording with every kernel and
// the operations that stood behind them.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "benchmarks/spanned_ops.hpp"
#include "latency/recording.hpp"

namespace benchmarks {

// Kernels, copies and memsets of one name under operations of one label (without an operation:
// under spans of one name).
struct kernel_group {
  std::string operation, kernel;
  std::int64_t calls = 0;       // of a step
  double flops = 0, bytes = 0;  // of a step: the operation's, with its longest kernel
  // Of each step, added up. A kernel that begins while the one ahead ends waits for it: that time
  // is the other's.
  std::vector<double> step_ms;
};

struct step_kernels {
  std::vector<kernel_group> groups;   // the longest first
  std::vector<double> busy_ms;        // of each step: kernels, copies and memsets
  std::vector<double> window_ms;      // first start to last end
  std::vector<double> gaps_ms;        // of each step: window without busy
  std::vector<double> layer_gaps_us;  // of each layer of each step: before its kernels
  std::vector<double> launches;       // of each step
};

// Steps of the same kernels only (one that fills a cache runs more): those that run what the last
// one runs. They stand on one stream. Throws latency::error where nothing was recorded, or records
// were dropped.
[[nodiscard]] step_kernels kernels_of_steps(
    const latency::recording& run, const std::map<latency::span_id, operation>& operations);

// Device time under spans of a name, one sample for each of those that moved the most bytes.
struct moved_bytes {
  std::vector<double> us;
  std::int64_t bytes = 0;  // of each, as the span says
};
[[nodiscard]] moved_bytes device_time_of_spans(const latency::recording& run,
                                               const std::string& span_name);

}  // namespace benchmarks
