#pragma once
// Tensors of the seam as the parameters of kernels/, after a check of their dtype.

#include <cuda_bf16.h>

#include <string>
#include <type_traits>

#include "kernels/rows.hpp"
#include "latency/error.hpp"
#include "pipeline_reference/ops/tensor.hpp"

namespace ops::cuda {

inline void require_type(const const_tensor& t, dtype expected) {
  if (t && t.type != expected)
    throw latency::error(std::string("cuda back end: expected ") + name_of(expected) + ", got " +
                         name_of(t.type));
}

template <class Data>
[[nodiscard]] auto* bf16s(const basic_tensor<Data>& t) {
  require_type(t, dtype::bf16);
  return t.template as<__nv_bfloat16>();
}
template <class Data>
[[nodiscard]] auto* floats(const basic_tensor<Data>& t) {
  require_type(t, dtype::f32);
  return t.template as<float>();
}

[[nodiscard]] inline kernels::rows_of<const __nv_bfloat16> rows(const const_tensor& t) {
  return {bf16s(t), t.row_stride};
}
[[nodiscard]] inline kernels::rows_of<__nv_bfloat16> rows(const tensor& t) {
  return {bf16s(t), t.row_stride};
}

}  // namespace ops::cuda
