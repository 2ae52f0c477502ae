#include "pipeline_reference/checkpoint/widen.hpp"

#include <array>
#include <bit>
#include <cstring>

#include "pipeline_reference/ops/bf16.hpp"

namespace checkpoint {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tensors are read in place, little-endian");

float from_f16(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t exponent = bits >> 10 & 0x1fu, fraction = bits & 0x3ffu;
  if (exponent == 0) {  // zero and subnormal: fraction x 2^-24 is exact in fp32
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
  }
  const std::uint32_t wide =
      exponent == 0x1f ? 0xffu : exponent + 112;  // infinity and NaN keep their fraction
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

template <auto convert>
void widen_run(const std::byte* in, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, in + 2 * i, 2);
    out[i] = convert(bits);
  }
}

// Elements that follow each other in the file.
void widen_run(tensor_dtype dtype, const std::byte* in, std::span<float> out) {
  if (dtype == tensor_dtype::f32)
    std::memcpy(out.data(), in, out.size_bytes());
  else if (dtype == tensor_dtype::bf16)
    widen_run<ops::from_bf16>(in, out);
  else
    widen_run<from_f16>(in, out);
}

}  // namespace

void widen(const tensor_entry& tensor, const std::byte* data, std::int64_t first,
           std::span<float> out) {
  if (out.empty()) return;  // and so no extent is zero
  const auto element_bytes = static_cast<std::int64_t>(dtype_bytes(tensor.dtype));
  if (tensor.strides.empty()) return widen_run(tensor.dtype, data + first * element_bytes, out);
  // The index of the next element, and where it lies.
  std::array<std::int64_t, most_dimensions> index{};
  std::int64_t at = 0;
  for (std::size_t d = tensor.shape.size(); d-- > 0;) {
    index[d] = first % tensor.shape[d];
    first /= tensor.shape[d];
    at += index[d] * tensor.strides[d];
  }
  for (float& value : out) {
    widen_run(tensor.dtype, data + at * element_bytes, {&value, 1});
    for (std::size_t d = tensor.shape.size(); d-- > 0;) {
      at += tensor.strides[d];
      if (++index[d] < tensor.shape[d]) break;
      at -= index[d] * tensor.strides[d];
      index[d] = 0;
    }
  }
}

}  // namespace checkpoint
