#include "pipeline_reference/checkpoint/element_conversion.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <type_traits>

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

template <class To>
To rounded(float value) {
  if constexpr (std::is_same_v<To, float>)
    return value;
  else
    return ops::to_bf16(value);
}

template <class From, auto widen, class To>
void convert_each(const std::byte* in, std::span<To> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    From stored;
    std::memcpy(&stored, in + sizeof(From) * i, sizeof(From));
    out[i] = rounded<To>(widen(stored));
  }
}

template <class To>
void convert_run(tensor_dtype dtype, const std::byte* in, std::span<To> out) {
  constexpr auto as_it_is = [](float value) { return value; };
  constexpr tensor_dtype same = std::is_same_v<To, float> ? tensor_dtype::f32 : tensor_dtype::bf16;
  if (dtype == same)
    std::memcpy(out.data(), in, out.size_bytes());
  else if (dtype == tensor_dtype::f32)
    convert_each<float, as_it_is>(in, out);
  else if (dtype == tensor_dtype::bf16)
    convert_each<std::uint16_t, ops::from_bf16>(in, out);
  else
    convert_each<std::uint16_t, from_f16>(in, out);
}

template <class To>
void gather(const tensor_entry& tensor, const std::byte* data, std::int64_t first,
            std::span<To> out) {
  if (out.empty()) return;  // and so no extent is zero
  const auto element_bytes = static_cast<std::int64_t>(dtype_bytes(tensor.dtype));
  // The index of the next element, and where it lies.
  std::array<std::int64_t, most_dimensions> index{};
  std::int64_t at = 0;
  for (std::size_t d = tensor.shape.size(); d-- > 0;) {
    index[d] = first % tensor.shape[d];
    first /= tensor.shape[d];
    at += index[d] * tensor.strides[d];
  }
  for (To& value : out) {
    convert_run(tensor.dtype, data + at * element_bytes, std::span(&value, 1));
    for (std::size_t d = tensor.shape.size(); d-- > 0;) {
      at += tensor.strides[d];
      if (++index[d] < tensor.shape[d]) break;
      at -= index[d] * tensor.strides[d];
      index[d] = 0;
    }
  }
}

}  // namespace

void convert_elements(tensor_dtype dtype, const std::byte* data, std::span<float> out) {
  convert_run(dtype, data, out);
}

void convert_elements(tensor_dtype dtype, const std::byte* data, std::span<std::uint16_t> out) {
  convert_run(dtype, data, out);
}

void gather_elements(const tensor_entry& tensor, const std::byte* data, std::int64_t first,
                     std::span<float> out) {
  gather(tensor, data, first, out);
}

void gather_elements(const tensor_entry& tensor, const std::byte* data, std::int64_t first,
                     std::span<std::uint16_t> out) {
  gather(tensor, data, first, out);
}

}  // namespace checkpoint
