#pragma once
// How the copy engine sees the FP8 kernel's tensors: as boxes of 128 rows of 128 bytes.

#include "kernels/attention_fp8/attention_fp8.hpp"
#include "kernels/attention_fp8/layout.hpp"
#include "kernels/ptx/tensor_map.hpp"

namespace kernels::fp8 {

// [batch, tokens, heads, 128] as boxes of 128 tokens of one head.
inline ptx::tensor_view boxes_of_rows(const attention_tensor<const __nv_fp8_e4m3>& tensor,
                                      int batch, int tokens, int heads) {
  ptx::tensor_view view;
  view.data = tensor.data;
  view.sizes = {128, static_cast<std::uint64_t>(tokens), 1, static_cast<std::uint64_t>(heads),
                static_cast<std::uint64_t>(batch)};
  // The stride of a dimension of one element is never used, but the driver checks it.
  view.strides = {tensor.token_stride, 128, heads > 1 ? tensor.head_stride : 128,
                  batch > 1 ? tensor.batch_stride : 128};
  view.box = {128, 128, 1, 1, 1};
  return view;
}

// [batch, heads, 128, keys] as boxes of 128 keys of all 128 dimensions of one head.
inline ptx::tensor_view boxes_of_values(const transposed_tensor<const __nv_fp8_e4m3>& tensor,
                                        int batch, int tokens, int heads) {
  ptx::tensor_view view;
  view.data = tensor.data;
  view.sizes = {128, static_cast<std::uint64_t>(groups(tokens)), 128,
                static_cast<std::uint64_t>(heads), static_cast<std::uint64_t>(batch)};
  view.strides = {128, tensor.dim_stride, heads > 1 ? tensor.head_stride : 128,
                  batch > 1 ? tensor.batch_stride : 128};
  view.box = {128, 1, 128, 1, 1};
  return view;
}

}  // namespace kernels::fp8
