#pragma once
// How far a computed tensor is from its golden one.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace longlive {

struct golden_difference {
  std::string tensor;  // "pixels (whole clip)"
  double relative_l2 = 0;
  double max_abs = 0;
};

// A golden tensor of zeros has no relative error: it is matched (0) or it is not (infinity).
// Values that are not numbers make both figures so.
[[nodiscard]] inline golden_difference difference_of(std::string tensor,
                                                     std::span<const float> found,
                                                     std::span<const float> golden) {
  golden_difference out{std::move(tensor)};
  double squares = 0, golden_squares = 0;
  for (std::size_t i = 0; i < golden.size(); ++i) {
    const double error = double{found[i]} - double{golden[i]};
    squares += error * error;
    golden_squares += double{golden[i]} * double{golden[i]};
    out.max_abs = std::isnan(error) || std::isnan(out.max_abs)
                      ? std::numeric_limits<double>::quiet_NaN()
                      : std::max(out.max_abs, std::abs(error));
  }
  if (golden_squares > 0)
    out.relative_l2 = std::sqrt(squares / golden_squares);
  else if (squares != 0)
    out.relative_l2 = std::numeric_limits<double>::infinity();
  return out;
}

// What one golden case showed.
struct golden_result {
  std::vector<golden_difference> differences;
  std::vector<std::string> mismatches;    // of exact values: one line each
  std::vector<std::string> not_compared;  // tensors that no check knows
  int exact_values = 0;                   // compared, matching ones included
};

}  // namespace longlive
