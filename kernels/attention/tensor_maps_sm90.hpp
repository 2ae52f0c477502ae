#pragma once
// Queries, keys and values as the copy engine takes them.

#include "kernels/attention/attention.hpp"
#include "kernels/ptx/tensor_map.hpp"

namespace kernels::sm90 {

// [batch, tokens, heads, head_dim] as boxes of `rows` tokens of one head and `slabs` slabs of 64
// elements.
template <class Element>
CUtensorMap map_of(const attention_tensor<Element>& tensor, int batch, int tokens, int heads,
                   int head_dim, int rows, int slabs) {
  ptx::tensor_view view;
  view.data = tensor.data;
  view.sizes = {64, static_cast<std::uint64_t>(tokens), static_cast<std::uint64_t>(head_dim / 64),
                static_cast<std::uint64_t>(heads), static_cast<std::uint64_t>(batch)};
  // The stride of a dimension of one element is never used, but the driver checks it.
  view.strides = {tensor.token_stride, 64, heads > 1 ? tensor.head_stride : 64,
                  batch > 1 ? tensor.batch_stride : 64};
  view.box = {64, static_cast<std::uint32_t>(rows), static_cast<std::uint32_t>(slabs), 1, 1};
  return ptx::make_bf16_tensor_map(view);
}

}  // namespace kernels::sm90
