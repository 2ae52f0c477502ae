#pragma once
// Activation functions on Eigen arrays, in place. For the CPU back end's .cpp files only.

#include "pipeline_reference/ops/cpu/cpu_views.hpp"
#include "pipeline_reference/ops/transformer_ops.hpp"

namespace ops::cpu {

template <class Array>
void apply(activation function, Array&& x) {
  switch (function) {
    case activation::none:
      break;
    case activation::gelu_tanh:  // x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
      x = 0.5F * x * (1.0F + (0.7978845608028654F * (x + 0.044715F * x.cube())).tanh());
      break;
    case activation::silu:
      x = x / (1.0F + (-x).exp());
      break;
  }
}

}  // namespace ops::cpu
