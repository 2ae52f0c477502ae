#pragma once
// Which queries a block of the grid computes where keys are few: units of 64 queries, head after
// head, cut into shares that are even to within one unit. A share is walked in passes over the keys
// of one head, with as many units as there are consumers, or evenly fewer: 7 units are passes of 3,
// 2 and 2.

#include <cstdint>

#include "kernels/attention/schedule_sm90.cuh"

namespace kernels::sm90 {

// What the units follow from.
struct unit_counts {
  int tokens_q, heads, batch;
  static constexpr int unit_rows = 64;

  [[nodiscard]] __host__ __device__ int of_head() const {
    return (tokens_q + unit_rows - 1) / unit_rows;
  }
  [[nodiscard]] __host__ __device__ std::int64_t all() const {
    return std::int64_t{of_head()} * heads * batch;
  }
  // A unit, counted over all heads, as the tile that it is.
  [[nodiscard]] __host__ __device__ attention_work place(int unit) const {
    const int head = unit / of_head();
    return {unit - head * of_head(), head % heads, head / heads, 0, 0, -1};
  }
};

// Neighbouring units of one head, one for each of the first consumers.
struct unit_pass {
  int first, units;  // `first` counted over all heads
};

// The passes of a block, one after the other:
//   for (unit_pass pass; walk.next(counts, pass);) ...
class few_keys_walk {
 public:
  static constexpr int consumers = 3;

  __host__ __device__ few_keys_walk(const unit_counts& counts, grid_position at)
      : next_(static_cast<int>(counts.all() * at.block / at.grid)),
        end_(static_cast<int>(counts.all() * (at.block + 1) / at.grid)) {}

  // False when none is left.
  __host__ __device__ bool next(const unit_counts& counts, unit_pass& pass) {
    if (next_ >= end_) return false;
    const int left = end_ - next_, of_head = counts.of_head() - next_ % counts.of_head();
    const int units = left < of_head ? left : of_head;
    const int passes = (units + consumers - 1) / consumers;
    pass = {next_, (units + passes - 1) / passes};
    next_ += pass.units;
    return true;
  }

 private:
  int next_, end_;
};

}  // namespace kernels::sm90
