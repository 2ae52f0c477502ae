#pragma once
// Which queries a block of the grid computes where keys are few: units of 64 queries, head after
// head, cut into shares that are even to within one unit. A share is walked in passes over the keys
// of one head, with as many units as there are consumers, or evenly fewer: 7 units are passes of 3,
// 2 and 2.

#include "kernels/attention/schedule_sm90.cuh"

namespace kernels::sm90 {

// What the units follow from.
struct unit_counts {
  int tokens_q, heads, batch;
  static constexpr int unit_rows = 64;

  [[nodiscard]] __host__ __device__ int of_head() const {
    return (tokens_q + unit_rows - 1) / unit_rows;
  }
  [[nodiscard]] __host__ __device__ int all() const { return of_head() * heads * batch; }
};

// Neighbouring units of one head, one for each of the first consumers: rows
// [64 first_unit, 64 (first_unit + units)).
struct unit_pass {
  int batch, head, first_unit, units;
};

// The passes of a block, one after the other:
//   for (unit_pass pass; walk.next(counts, pass);) ...
class few_keys_walk {
 public:
  static constexpr int consumers = 3;

  __host__ __device__ few_keys_walk(const unit_counts& counts, grid_position at) {
    const int first = start(counts, at), next = start(counts, {at.grid, at.block + 1});
    left_ = next - first;
    unit_ = first % counts.of_head();
    head_ = first / counts.of_head() % counts.heads;
    batch_ = first / counts.of_head() / counts.heads;
  }

  // False when none is left.
  __host__ __device__ bool next(const unit_counts& counts, unit_pass& pass) {
    if (left_ == 0) return false;
    const int of_head = counts.of_head() - unit_, units = left_ < of_head ? left_ : of_head;
    pass = {batch_, head_, unit_, units > 4 ? consumers : units == 4 ? 2 : units};
    left_ -= pass.units;
    unit_ += pass.units;
    if (unit_ == counts.of_head()) {
      unit_ = 0;
      if (++head_ == counts.heads) {
        head_ = 0;
        ++batch_;
      }
    }
    return true;
  }

 private:
  // all * block / grid, whose product may be too large.
  static __host__ __device__ int start(const unit_counts& counts, grid_position at) {
    return counts.all() / at.grid * at.block + counts.all() % at.grid * at.block / at.grid;
  }

  int batch_, head_, unit_, left_;  // the next one's place, and how many are left
};

}  // namespace kernels::sm90
