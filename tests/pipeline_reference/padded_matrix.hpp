#pragma once
// A matrix in host memory whose rows are longer than its columns, for tests of operations: outputs
// start as NaN, and what lies between the rows must stay NaN.

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "pipeline_reference/ops/random.hpp"
#include "pipeline_reference/ops/tensor.hpp"

namespace longlive_tests {

class padded_matrix {
 public:
  padded_matrix(std::int64_t rows, std::int64_t columns, std::int64_t padding = 3)
      : rows_(rows),
        columns_(columns),
        stride_(columns + padding),
        values_(static_cast<std::size_t>(rows * stride_), std::numeric_limits<float>::quiet_NaN()) {
  }
  // Standard normal values, times `scale`.
  static padded_matrix random(std::int64_t rows, std::int64_t columns, std::uint64_t seed,
                              float scale = 1.0F, std::int64_t padding = 3) {
    padded_matrix out(rows, columns, padding);
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < columns; ++c)
        out(r, c) =
            scale * ops::random_normals(seed, 7, static_cast<std::uint64_t>(r * columns + c))[0];
    return out;
  }

  float& operator()(std::int64_t r, std::int64_t c) {
    return values_[static_cast<std::size_t>(r * stride_ + c)];
  }
  float operator()(std::int64_t r, std::int64_t c) const {
    return values_[static_cast<std::size_t>(r * stride_ + c)];
  }
  [[nodiscard]] ops::tensor view() {
    return {values_.data(), ops::dtype::f32, {rows_, columns_}, stride_};
  }
  // As a vector, for a matrix of one row.
  [[nodiscard]] ops::tensor row() { return {values_.data(), ops::dtype::f32, {columns_}}; }
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] std::int64_t columns() const { return columns_; }

  // Largest |value - expected(r, c)| / (1 + |expected|); infinity when the padding was touched or a
  // value is not a number.
  template <class Expected>
  [[nodiscard]] double distance(const Expected& expected) const {
    double worst = 0;
    for (std::int64_t r = 0; r < rows_; ++r) {
      for (std::int64_t c = 0; c < stride_; ++c) {
        const double value = values_[static_cast<std::size_t>(r * stride_ + c)];
        if (c >= columns_) {
          if (!std::isnan(value)) return std::numeric_limits<double>::infinity();
          continue;
        }
        const double golden = expected(r, c);
        const double error = std::abs(value - golden) / (1.0 + std::abs(golden));
        if (!(error <= worst))
          worst = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
      }
    }
    return worst;
  }
  // True when nobody wrote to the rows [begin, end).
  [[nodiscard]] bool untouched(std::int64_t begin, std::int64_t end) const {
    for (std::int64_t r = begin; r < end; ++r)
      for (std::int64_t c = 0; c < columns_; ++c)
        if (!std::isnan((*this)(r, c))) return false;
    return true;
  }

 private:
  std::int64_t rows_, columns_, stride_;
  std::vector<float> values_;
};

}  // namespace longlive_tests
