#pragma once
// Copies by direction: how much, how fast, and what of it the device had to wait for.
//
// Exposed is the time when only copies run, each instant given away once, so over all rows
//   sum of exposed_ns = copies exposed of the devices (device_accounting.hpp).
// Hidden is the time that copies ran beside kernels or memsets, of each copy by itself. A copy that
// overlaps no other copy has exposed + hidden = its duration.

#include <cstdint>
#include <optional>
#include <vector>

#include "latency/device_accounting.hpp"
#include "latency/recording.hpp"

namespace latency::analysis {

struct copy_row {
  copy_direction direction = copy_direction::none;
  bool from_totals = false;
  std::int64_t count = 0;
  std::int64_t bytes = 0;
  std::int64_t sum_ns = 0;                 // of durations: copies on several streams may overlap
  std::optional<std::int64_t> exposed_ns;  // not known from totals, as the next
  std::optional<std::int64_t> hidden_ns;
  // Over the durations; none when these are 0.
  [[nodiscard]] std::optional<double> bytes_per_second() const {
    if (sum_ns <= 0) return std::nullopt;
    return static_cast<double>(bytes) / static_cast<double>(sum_ns) * 1e9;
  }
};

// The directions that occur, in the order of copy_direction; ops without usable times are left out.
// Pure; O(n log n) in the device ops.
[[nodiscard]] std::vector<copy_row> copies(const recording& run, const device_accounting& devices);

}  // namespace latency::analysis
