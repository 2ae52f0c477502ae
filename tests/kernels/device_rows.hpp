#pragma once
// A matrix of bf16 on both sides, with a row stride of its own, and comparisons against fp64.

#include <cmath>
#include <random>

#include "kernels/rows.hpp"
#include "tests/kernels/device_buffer.hpp"

namespace kernels_test {

inline std::uint64_t fresh_seed() {
  const std::uint64_t seed = std::random_device{}();
  MESSAGE("seed " << seed);
  return seed;
}

class device_rows {
 public:
  static constexpr std::int64_t padding = 24;  // values between rows

  device_rows(std::int64_t rows, std::int64_t columns, std::vector<__nv_bfloat16> values)
      : host(std::move(values)), columns_(columns), rows_(rows), device_(host) {}
  // Random values.
  device_rows(std::int64_t rows, std::int64_t columns, random_numbers& random)
      : device_rows(rows, columns,
                    random.bf16(static_cast<std::size_t>(rows * (columns + padding)))) {}
  // NaN everywhere: what a kernel does not write shows.
  device_rows(std::int64_t rows, std::int64_t columns)
      : device_rows(rows, columns,
                    std::vector<__nv_bfloat16>(static_cast<std::size_t>(rows * (columns + padding)),
                                               __float2bfloat16(NAN))) {}

  template <class Element>
  [[nodiscard]] kernels::rows_of<Element> on_device() const {
    return {device_.get(), columns_ + padding};
  }
  template <class Element>
  [[nodiscard]] kernels::rows_of<Element> on_host() const {
    return {const_cast<__nv_bfloat16*>(host.data()), columns_ + padding};
  }
  [[nodiscard]] double at(std::int64_t row, std::int64_t column) const {
    return static_cast<double>(
        __bfloat162float(host[static_cast<std::size_t>(row * (columns_ + padding) + column)]));
  }
  void download() { host = device_.values(); }
  // What lies between rows is as it was made: random numbers or NaN.
  [[nodiscard]] bool padding_is_nan() const {
    for (std::int64_t row = 0; row < rows_; ++row)
      for (std::int64_t i = 0; i < padding; ++i)
        if (!std::isnan(at(row, columns_ + i))) return false;
    return true;
  }

  std::vector<__nv_bfloat16> host;

 private:
  std::int64_t columns_, rows_;
  device_buffer<__nv_bfloat16> device_;
};

// Sums squares of differences and of what was expected.
class error_sum {
 public:
  void add(double found, double expected) {
    squares_ += (found - expected) * (found - expected);
    expected_ += expected * expected;
  }
  [[nodiscard]] double relative_l2() const { return std::sqrt(squares_ / expected_); }

 private:
  double squares_ = 0, expected_ = 0;
};

// The most that rounding to bf16 once makes of any value; 1.7e-3 on average.
constexpr double rounding_error = 0x1p-8;

}  // namespace kernels_test
