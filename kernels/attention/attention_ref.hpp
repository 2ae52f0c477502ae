#pragma once
// Attention in fp64 on the CPU, a row at a time: the readable truth that the kernels are held
// against. Tensors of the parameters are in host memory here, *valid_rows too.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/attention/attention.hpp"

namespace kernels {

struct attention_row {
  std::vector<double> o;  // [head_dim]
  double lse = 0;
};

// One query of one head. A row with no key to see is 0, its lse -infinity.
inline attention_row attention_ref(const attention_params& p, int batch, int head, int query) {
  const auto row_of = [&](const auto& tensor, int token, int of_head) {
    return tensor.data + batch * tensor.batch_stride + token * tensor.token_stride +
           of_head * tensor.head_stride;
  };
  const int head_kv = head / (p.heads / p.heads_kv);
  const int valid = p.valid_rows == nullptr ? p.tokens_kv : *p.valid_rows;
  const int seen = p.causal ? std::min(valid, query + 1 + valid - p.tokens_q) : valid;

  std::vector<double> scores;
  double biggest = -std::numeric_limits<double>::infinity();
  for (int key = 0; key < seen; ++key) {
    double dot = 0;
    for (int i = 0; i < p.head_dim; ++i)
      dot += static_cast<double>(__bfloat162float(row_of(p.q, query, head)[i])) *
             static_cast<double>(__bfloat162float(row_of(p.k, key, head_kv)[i]));
    double score = static_cast<double>(p.scale) * dot;
    if (p.bias != nullptr)
      score += static_cast<double>(p.bias[head * p.bias_head_stride + query * p.bias_query_stride +
                                          key * p.bias_key_stride]);
    if (key == valid - 1) score += std::log(static_cast<double>(p.last_key_count));
    scores.push_back(score);
    biggest = std::max(biggest, score);
  }

  attention_row row;
  row.o.assign(static_cast<std::size_t>(p.head_dim), 0.0);
  double sum = 0;
  for (int key = 0; key < seen; ++key) {
    const double probability = std::exp(scores[static_cast<std::size_t>(key)] - biggest);
    sum += probability;
    for (int i = 0; i < p.head_dim; ++i)
      row.o[static_cast<std::size_t>(i)] +=
          probability * static_cast<double>(__bfloat162float(row_of(p.v, key, head_kv)[i]));
  }
  for (double& x : row.o) x = sum == 0 ? 0 : x / sum;
  row.lse = sum == 0 ? -std::numeric_limits<double>::infinity() : biggest + std::log(sum);
  return row;
}

}  // namespace kernels
