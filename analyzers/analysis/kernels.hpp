#pragma once
// Kernels and memsets by name: how often, how long, how launched, and their part of the device.
//
// Of a recording with rows, share is the additive measure (device_accounting.hpp):
//   sum of share_ns over the table = shares of the spans + unattributed, over all devices.
// Of one that holds totals, shares are not known, and the percentile comes from the smallest value
// of each histogram bucket: too small by at most the width of a bucket.
// A pool of both kinds has rows of both.

#include <cstdint>
#include <optional>
#include <vector>

#include "latency/device_accounting.hpp"
#include "latency/recording.hpp"

namespace latency::analysis {

struct kernel_row {
  string_id name = 0;
  device_op_kind kind = device_op_kind::kernel;
  bool from_totals = false;
  std::int64_t count = 0;
  std::int64_t sum_ns = 0;  // of durations, as those below
  std::int64_t min_ns = 0;
  std::int64_t max_ns = 0;
  std::optional<double> p95_ns;  // over all `count`; none when the histograms hold none of them
  std::optional<std::int64_t> share_ns;
  std::optional<launch_shape> shape;  // the commonest; of several, the first in the recording
  std::int64_t shapes = 0;            // distinct ones
  [[nodiscard]] double mean_ns() const {
    return count == 0 ? 0 : static_cast<double>(sum_ns) / static_cast<double>(count);
  }
};

struct kernel_table {
  std::vector<kernel_row> rows;  // by share, then sum, largest first; ties by name text
  std::int64_t count = 0;
  std::int64_t sum_ns = 0;
  std::int64_t share_ns = 0;
  std::int64_t window_ns = 0;  // of the devices, the whole of shares; 0 without rows
};

// Ops without usable times are left out. Pure; O(n log n) in ops and totals.
[[nodiscard]] kernel_table kernels(const recording& run, const device_accounting& devices);

}  // namespace latency::analysis
