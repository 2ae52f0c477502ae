#pragma once
// fp32 views of tensors as plain pointers and as Eigen maps. Included only by the CPU back end's
// .cpp files: they are compiled for another instruction set than the rest of the program, so no
// Eigen type may appear in a header that others include.

#include <Eigen/Core>
#include <algorithm>

#include "pipeline_reference/ops/tensor.hpp"

namespace ops::cpu {

using row_matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using row_stride = Eigen::OuterStride<>;
using matrix_map = Eigen::Map<row_matrix, Eigen::Unaligned, row_stride>;
using const_matrix_map = Eigen::Map<const row_matrix, Eigen::Unaligned, row_stride>;
using array_map = Eigen::Map<Eigen::ArrayXf>;
using const_array_map = Eigen::Map<const Eigen::ArrayXf>;

// First element, after a check of the dtype; null for an absent tensor.
inline const float* floats(const const_tensor& t) {
  if (t && t.type != dtype::f32)
    throw latency::error(std::string("cpu back end: expected f32, got ") + name_of(t.type));
  return t.template as<float>();
}
inline float* floats(const tensor& t) {
  return const_cast<float*>(floats(const_tensor(t)));  // the view itself is mutable
}

inline matrix_map matrix(const tensor& t) {
  return {floats(t), t.rows(), t.columns(), row_stride(t.row_stride)};
}
inline const_matrix_map matrix(const const_tensor& t) {
  return {floats(t), t.rows(), t.columns(), row_stride(t.row_stride)};
}

// Each worker's part of the workspace.
constexpr std::int64_t scratch_floats = 64 * (256 + 1024 + 4);

inline float* scratch(workspace w, int worker) {
  const std::int64_t offset = worker * scratch_floats;
  if (w.bytes < (offset + scratch_floats) * size_bytes(dtype::f32))
    throw latency::error("cpu back end: the workspace is smaller than workspace_bytes()");
  return static_cast<float*>(w.data) + offset;
}

// Cuts `count` items into `pieces` nearly equal ranges whose starts are multiples of `unit`.
struct piece {
  std::int64_t begin, end;
  [[nodiscard]] std::int64_t count() const { return end - begin; }
};
inline piece piece_of(std::int64_t count, std::int64_t pieces, std::int64_t unit,
                      std::int64_t index) {
  const std::int64_t units = (count + unit - 1) / unit;
  return {std::min(count, units * index / pieces * unit),
          std::min(count, units * (index + 1) / pieces * unit)};
}

}  // namespace ops::cpu
