#pragma once
// bf16 to e4m3 with one power of two as the scale of each 128 rows of a head: what attention_fp8
// reads. A pass over memory; to fill a cache piece by piece, start pieces at multiples of 128 rows.

#include "kernels/attention_fp8/attention_fp8.hpp"

namespace kernels {

// heads of 128; `from` [b, tokens, h, 128], rows at multiples of 16 bytes. Infinity and NaN become
// NaN; neither counts for the scale. Exponents: see attention_fp8_params.
struct quantize_params {
  attention_tensor<const __nv_bfloat16> from;
  int batch = 1, heads = 1, tokens = 0;
  int* exponents = nullptr;  // [b, h, fp8::groups(tokens)]
};

// Launch on `stream`, may be captured, wait for nothing. Throw std::invalid_argument for misaligned
// tensors, std::runtime_error when the launch fails. Queries or keys, rows as they came: `to` [b,
// tokens, h, 128], rows at multiples of 8 bytes.
void quantize_rows(const quantize_params& params, const attention_tensor<__nv_fp8_e4m3>& to,
                   cudaStream_t stream);
// Values, transposed; the keys behind the last up to a multiple of 128 become zero. `to` at
// multiples of 16 bytes.
void quantize_values(const quantize_params& params, const transposed_tensor<__nv_fp8_e4m3>& to,
                     cudaStream_t stream);

}  // namespace kernels
