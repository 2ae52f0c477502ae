#pragma once
// Which queries a block of the grid computes where keys are few: units of 64 queries, head after
// head, cut into shares that are even to within one unit. A share is walked in passes over the keys
// of one head, with as many units as there are consumers, or evenly fewer: 7 units are passes of 3,
// 2 and 2, or of 2, 2 and 3.

namespace kernels::sm90 {

// What the shares follow from, worked out on the host: divisions take a block of the grid a while.
struct unit_shares {
  static constexpr int unit_rows = 64;
  int of_head;  // units
  int heads;
  int share, longer;   // units of a block, and how many blocks have one more: the first ones
  bool smaller_first;  // passes

  // For at most as many blocks as there are units.
  static unit_shares of(int tokens_q, int heads, int batch, int blocks, bool smaller_first) {
    const int of_head = units_of(tokens_q), all = of_head * heads * batch;
    return {of_head, heads, all / blocks, all % blocks, smaller_first};
  }
  static int units_of(int tokens_q) { return (tokens_q + unit_rows - 1) / unit_rows; }
};

// Neighbouring units of one head, one for each of the first consumers: rows
// [64 first_unit, 64 (first_unit + units)).
struct unit_pass {
  int batch, head, first_unit, units;
};

// The passes of a block, one after the other:
//   for (unit_pass pass; walk.next(shares, pass);) ...
class few_keys_walk {
 public:
  static constexpr int consumers = 3;

  __host__ __device__ few_keys_walk(const unit_shares& shares, int block)
      : left_(shares.share + (block < shares.longer)) {
    const int first = shares.share * block + (block < shares.longer ? block : shares.longer);
    head_ = first / shares.of_head;
    unit_ = first - head_ * shares.of_head;
    for (; head_ >= shares.heads; ++batch_) head_ -= shares.heads;
  }

  // False when none is left.
  __host__ __device__ bool next(const unit_shares& shares, unit_pass& pass) {
    if (left_ == 0) return false;
    const int of_head = shares.of_head - unit_, units = left_ < of_head ? left_ : of_head;
    const int larger = units > 4 ? consumers : units == 4 ? 2 : units;
    const int smaller = units % consumers == 0 ? consumers : units == 1 ? 1 : 2;
    pass = {batch_, head_, unit_, shares.smaller_first ? smaller : larger};
    left_ -= pass.units;
    unit_ += pass.units;
    if (unit_ == shares.of_head) {
      unit_ = 0;
      if (++head_ == shares.heads) {
        head_ = 0;
        ++batch_;
      }
    }
    return true;
  }

 private:
  int batch_ = 0, head_, unit_, left_;  // the next one's place, and how many are left
};

}  // namespace kernels::sm90
