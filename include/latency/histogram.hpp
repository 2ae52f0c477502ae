#pragma once
// A histogram of int64 values in fixed memory: for latencies of runs too long to keep every value.
//
// Buckets double in width with the value (log2) and are cut into equal sub-buckets, so that the
// relative error is the same everywhere. With d significant digits there are
// s = 2^ceil(log2(2 * 10^d)) linear buckets of width 1, then s / 2 for each doubling, up to the
// bucket of `highest`; at most
//   bytes = 8 * (s + s / 2 * max(0, ceil(log2(highest + 1)) - log2(s)))
// (d = 2 and one hour in ns: 36 KiB; d = 3: 261 KiB). A percentile differs from the exact one (same
// linear interpolation as statistics.hpp) by at most relative_error_bound() = 1 / s <= 0.5 * 10^-d.
// Count, sum, minimum and maximum are exact.
//
// record() is noexcept, O(1) and allocates nothing. One thread at a time; for many threads keep one
// histogram each and merge.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "latency/error.hpp"
#include "latency/saturating.hpp"
#include "latency/statistics.hpp"

namespace latency {

// The buckets: which values share one.
class histogram_buckets {
 public:
  // 1 to 5 digits; throws latency::error otherwise.
  explicit histogram_buckets(int significant_digits) {
    if (significant_digits < 1 || significant_digits > 5)
      throw error("", "histogram",
                  "1 to 5 significant digits, not " + std::to_string(significant_digits));
    std::int64_t least = 2;
    for (int i = 0; i < significant_digits; ++i) least *= 10;
    while ((std::int64_t{1} << linear_bits_) < least) ++linear_bits_;
  }

  // Of a value from 0 on.
  [[nodiscard]] std::size_t bucket_of(std::int64_t value) const noexcept {
    int shift = 0;  // right by this much, the value falls into the upper half of the linear range
    for (std::int64_t rest = value >> linear_bits_; rest > 0; rest >>= 1) ++shift;
    return static_cast<std::size_t>(shift * half() + (value >> shift));
  }
  // Smallest value of a bucket, and how many integers it holds.
  [[nodiscard]] std::int64_t first_of(std::size_t bucket) const noexcept {
    const auto index = static_cast<std::int64_t>(bucket);
    return (index - shift_of(bucket) * half()) << shift_of(bucket);
  }
  [[nodiscard]] std::int64_t width_of(std::size_t bucket) const noexcept {
    return std::int64_t{1} << shift_of(bucket);
  }
  [[nodiscard]] double relative_error_bound() const noexcept {
    return 1.0 / static_cast<double>(std::int64_t{1} << linear_bits_);
  }

 private:
  [[nodiscard]] std::int64_t half() const noexcept { return std::int64_t{1} << (linear_bits_ - 1); }
  [[nodiscard]] std::int64_t shift_of(std::size_t bucket) const noexcept {
    const auto index = static_cast<std::int64_t>(bucket);
    return index < 2 * half() ? 0 : index / half() - 1;
  }

  int linear_bits_ = 1;  // s = 2^linear_bits_
};

class histogram {
 public:
  static constexpr std::int64_t one_hour_ns = 3'600'000'000'000;

  // Values 0..highest are kept to `significant_digits` (1..5); throws latency::error otherwise.
  explicit histogram(int significant_digits = 3, std::int64_t highest = one_hour_ns)
      : digits_(significant_digits), highest_(highest), buckets_(significant_digits) {
    if (highest < 1)
      throw error("", "histogram", "highest must be positive, not " + std::to_string(highest));
    counts_.resize(buckets_.bucket_of(highest) + 1);
  }

  // A value outside 0..highest is counted (see below_range, above_range) and enters count, sum,
  // minimum and maximum like any other.
  void record(std::int64_t value) noexcept {
    ++count_;
    sum_ = saturating_add(sum_, value);
    minimum_ = std::min(minimum_, value);
    maximum_ = std::max(maximum_, value);
    if (value < 0)
      ++below_range_;
    else if (value > highest_)
      ++above_range_;
    else
      ++counts_[buckets_.bucket_of(value)];
  }

  // Adds everything that `other` recorded; throws latency::error unless built with equal
  // parameters.
  void merge(const histogram& other) {
    if (other.digits_ != digits_ || other.highest_ != highest_)
      throw error("", "histogram", "cannot merge histograms of different digits or range");
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    below_range_ += other.below_range_;
    above_range_ += other.above_range_;
    sum_ = saturating_add(sum_, other.sum_);
    minimum_ = std::min(minimum_, other.minimum_);
    maximum_ = std::max(maximum_, other.maximum_);
  }

  // `percent` in 0..100, else latency::error; NaN when nothing was recorded. O(buckets). Below the
  // range the minimum stands for every value, above it the maximum: the error bound ends there.
  [[nodiscard]] double percentile(double percent) const {
    detail::check_percent(percent);
    if (count_ == 0) return detail::undefined;
    const double position = static_cast<double>(count_ - 1) * (percent / 100);
    const auto below = static_cast<std::int64_t>(position);
    const double low = value_at(below);
    const double high = value_at(std::min(below + 1, count_ - 1));
    return detail::interpolate(low, high, position - static_cast<double>(below));
  }

  [[nodiscard]] std::int64_t count() const noexcept { return count_; }
  [[nodiscard]] std::int64_t sum() const noexcept { return sum_; }  // held at the limits of int64
  [[nodiscard]] double mean() const noexcept {
    return count_ == 0 ? detail::undefined
                       : static_cast<double>(sum_) / static_cast<double>(count_);
  }
  [[nodiscard]] std::int64_t minimum() const noexcept { return count_ == 0 ? 0 : minimum_; }
  [[nodiscard]] std::int64_t maximum() const noexcept { return count_ == 0 ? 0 : maximum_; }
  [[nodiscard]] std::int64_t below_range() const noexcept { return below_range_; }
  [[nodiscard]] std::int64_t above_range() const noexcept { return above_range_; }
  [[nodiscard]] std::int64_t bytes() const noexcept {
    return static_cast<std::int64_t>(counts_.size() * sizeof(counts_[0]));
  }
  [[nodiscard]] double relative_error_bound() const noexcept {
    return buckets_.relative_error_bound();
  }

 private:
  // Middle of the integers of a bucket.
  [[nodiscard]] double middle_of(std::size_t bucket) const noexcept {
    return static_cast<double>(buckets_.first_of(bucket)) +
           static_cast<double>(buckets_.width_of(bucket) - 1) / 2;
  }

  [[nodiscard]] double value_at(std::int64_t rank) const noexcept {
    if (rank < below_range_) return static_cast<double>(minimum_);
    std::int64_t seen = below_range_;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (rank < seen)
        return std::clamp(middle_of(i), static_cast<double>(minimum_),
                          static_cast<double>(maximum_));
    }
    return static_cast<double>(maximum_);
  }

  int digits_;
  std::int64_t highest_;
  histogram_buckets buckets_;
  std::vector<std::int64_t> counts_;
  std::int64_t count_ = 0;
  std::int64_t sum_ = 0;
  std::int64_t below_range_ = 0;
  std::int64_t above_range_ = 0;
  std::int64_t minimum_ = std::numeric_limits<std::int64_t>::max();
  std::int64_t maximum_ = std::numeric_limits<std::int64_t>::min();
};

}  // namespace latency
