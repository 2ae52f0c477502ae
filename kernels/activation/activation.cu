// A thread takes four vectors that lie a block apart, loaded before the first is used.
#include "kernels/activation/activation.hpp"
#include "kernels/dependent_launch.cuh"
#include "kernels/vector8.cuh"

namespace kernels {
namespace {

constexpr int threads = 256;
constexpr int vectors = 4;  // of a thread

// x / 2 * (1 + tanh(u)) = x / (1 + exp(-2 u)), u = sqrt(2 / pi) * (x + 0.044715 x^3)
__device__ __forceinline__ float gelu_tanh(float x) {
  const float u = 0.7978845608028654F * (x + 0.044715F * x * x * x);
  return __fdividef(x, 1 + __expf(-2 * u));
}
__device__ __forceinline__ float silu(float x) {
  return __fdividef(x, 1 + __expf(-x));
}

template <activation_function function>
__device__ __forceinline__ float apply(float x) {
  if constexpr (function == activation_function::gelu_tanh) return gelu_tanh(x);
  if constexpr (function == activation_function::silu) return silu(x);
  return x;
}

template <activation_function function>
__global__ void __launch_bounds__(threads)
    activation_kernel(const activation_params p, std::int64_t total) {
  wait_for_previous_kernels();
  const std::int64_t first = std::int64_t{blockIdx.x} * threads * vectors + threadIdx.x;
  const unsigned row_vectors = static_cast<unsigned>(p.columns) / 8;
  std::int64_t rows[vectors];
  int columns[vectors];
  vector8 x[vectors], multiplier[vectors];
#pragma unroll
  for (int i = 0; i < vectors; ++i) {
    const std::int64_t at = first + i * threads;
    if (at >= total) break;
    rows[i] = at / row_vectors;
    columns[i] = 8 * static_cast<int>(at - rows[i] * row_vectors);
    x[i] = load8(p.x.data + rows[i] * p.x.stride + columns[i]);
    if (p.multiplier.data != nullptr)
      multiplier[i] = load8(p.multiplier.data + rows[i] * p.multiplier.stride + columns[i]);
  }
#pragma unroll
  for (int i = 0; i < vectors; ++i) {
    if (first + i * threads >= total) break;
    floats8 v = widen(x[i]);
    if (p.bias != nullptr) {
      const floats8 bias = widen(load8(p.bias + columns[i]));
#pragma unroll
      for (int e = 0; e < 8; ++e) v.value[e] += bias.value[e];
    }
#pragma unroll
    for (int e = 0; e < 8; ++e) v.value[e] = apply<function>(v.value[e]);
    if (p.multiplier.data != nullptr) {
      const floats8 factor = widen(multiplier[i]);
#pragma unroll
      for (int e = 0; e < 8; ++e) v.value[e] *= factor.value[e];
    }
    store8(p.out.data + rows[i] * p.out.stride + columns[i], narrow(v));
  }
}

}  // namespace

void activation(const activation_params& p, cudaStream_t stream) {
  constexpr const char* name = "activation";
  require_vectors(name, "columns", p.columns);
  require_aligned(name, "x", p.x);
  require_aligned(name, "bias", rows_of<const __nv_bfloat16>{p.bias});
  require_aligned(name, "multiplier", p.multiplier);
  require_aligned(name, "out", p.out);
  const std::int64_t total = p.rows * (p.columns / 8);
  if (total == 0) return;
  const auto blocks = static_cast<unsigned>((total + threads * vectors - 1) / (threads * vectors));
  const auto launch = [&](auto* kernel) {
    launch_dependent(kernel, blocks, threads, stream, p, total);
  };
  switch (p.function) {
    case activation_function::none:
      launch(activation_kernel<activation_function::none>);
      break;
    case activation_function::gelu_tanh:
      launch(activation_kernel<activation_function::gelu_tanh>);
      break;
    case activation_function::silu:
      launch(activation_kernel<activation_function::silu>);
      break;
  }
  check_launch(name);
}

}  // namespace kernels
