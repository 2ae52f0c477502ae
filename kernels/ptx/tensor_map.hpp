#pragma once
// Tensor maps for the copy engine, made on the host. libcuda's function is asked of the runtime, so
// that programs need not link against libcuda.

#include <cuda.h>
#include <cuda_runtime.h>

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace kernels::ptx {

// A rank-5 tensor in global memory, innermost dimension first and contiguous.
struct tensor_view {
  const void* data = nullptr;             // 16-byte aligned
  std::array<std::uint64_t, 5> sizes{};   // elements
  std::array<std::int64_t, 4> strides{};  // of dimensions 1..4, in elements; multiples of 16 bytes
  std::array<std::uint32_t, 5> box{};  // 1..256 each; box[0] at most the 128 bytes of the swizzle
};

// With the 128-byte swizzle: row r of a box is 128 bytes, its 16-byte chunk c lies at c ^ (r % 8).
// Throws std::runtime_error when the driver refuses (misaligned address or stride, box too large).
inline CUtensorMap make_tensor_map(const tensor_view& view, CUtensorMapDataType type,
                                   int element_bytes) {
  using encode_function =
      CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*,
                   const cuuint64_t*, const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave,
                   CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);
  static const auto encode = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found{};
    if (cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000,
                                         cudaEnableDefault, &found) != cudaSuccess ||
        found != cudaDriverEntryPointSuccess)
      throw std::runtime_error("tensor map: the driver has no cuTensorMapEncodeTiled");
    return reinterpret_cast<encode_function>(function);
  }();

  std::array<cuuint64_t, 5> sizes{};
  std::array<cuuint64_t, 4> stride_bytes{};
  for (std::size_t i = 0; i < 5; ++i) sizes[i] = view.sizes[i];
  for (std::size_t i = 0; i < 4; ++i)
    stride_bytes[i] = static_cast<cuuint64_t>(view.strides[i]) * element_bytes;
  const std::array<cuuint32_t, 5> every_element{1, 1, 1, 1, 1};
  CUtensorMap map;
  const CUresult result =
      encode(&map, type, 5, const_cast<void*>(view.data), sizes.data(), stride_bytes.data(),
             view.box.data(), every_element.data(), CU_TENSOR_MAP_INTERLEAVE_NONE,
             CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
             CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS)
    throw std::runtime_error("tensor map: cuTensorMapEncodeTiled refused, code " +
                             std::to_string(static_cast<int>(result)));
  return map;
}

inline CUtensorMap make_bf16_tensor_map(const tensor_view& view) {
  return make_tensor_map(view, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2);
}
inline CUtensorMap make_byte_tensor_map(const tensor_view& view) {
  return make_tensor_map(view, CU_TENSOR_MAP_DATA_TYPE_UINT8, 1);
}

}  // namespace kernels::ptx
