// Attention a tile of queries at a time, with a running softmax: the scores of 64 queries and 256
// keys are all that ever exists of the score matrix.

#include <cmath>
#include <limits>

#include "pipeline_reference/ops/cpu/cpu_transformer_ops.hpp"
#include "pipeline_reference/ops/cpu/cpu_views.hpp"

namespace ops::cpu {
namespace {

constexpr std::int64_t tile_queries = 64;
constexpr std::int64_t tile_keys = 256;
constexpr std::int64_t most_head_dim = 1024;

// One tile of queries of one head while it walks over the keys.
struct query_tile {
  matrix_map scores;       // [queries, tile_keys]
  matrix_map accumulated;  // [queries, head_dim], of exp(score - highest) * v
  float* highest;          // [queries] score so far
  float* total;            // [queries] of exp(score - highest)

  query_tile(float* memory, std::int64_t queries, std::int64_t head_dim)
      : scores(memory, queries, tile_keys, row_stride(tile_keys)),
        accumulated(memory + tile_queries * tile_keys, queries, head_dim, row_stride(head_dim)),
        highest(memory + tile_queries * (tile_keys + most_head_dim)),
        total(highest + tile_queries) {
    accumulated.setZero();
    std::fill_n(highest, queries, -std::numeric_limits<float>::infinity());
    std::fill_n(total, queries, 0.0F);
  }
};

// Turns the scores of `count` keys into weights and rescales what was summed before.
// `last_bias` is added to the score of the last of them.
void weigh(query_tile& t, std::int64_t count, float scale, const float* bias,
           std::int64_t bias_stride, float last_bias) {
  for (std::int64_t i = 0; i < t.scores.rows(); ++i) {
    array_map row(&t.scores(i, 0), count);
    row *= scale;
    if (bias != nullptr) row += const_array_map(bias + i * bias_stride, count);
    row[count - 1] += last_bias;
    const float highest = std::max(t.highest[i], row.maxCoeff());
    if (highest == -std::numeric_limits<float>::infinity()) {  // every key so far is masked
      row.setZero();
      continue;
    }
    const float rescale = std::exp(t.highest[i] - highest);
    row = (row - highest).exp();
    t.total[i] = t.total[i] * rescale + row.sum();
    t.highest[i] = highest;
    if (rescale != 1.0F) t.accumulated.row(i) *= rescale;
  }
}

void attend(const attention_params& p, std::int64_t head, std::int64_t first_query,
            std::int64_t queries, float* memory) {
  const std::int64_t head_dim = p.q.columns() / p.heads;
  query_tile t(memory, queries, head_dim);
  const auto q = matrix(p.q).block(first_query, head * head_dim, queries, head_dim);
  const std::int64_t attended = p.keys[0].count() + p.keys[1].count();
  const std::int64_t bias_stride = p.bias && p.bias.shape[1] > 1 ? attended : 0;
  const float* bias =
      p.bias ? floats(p.bias) +
                   (head * p.bias.shape[1] + (bias_stride > 0 ? first_query : 0)) * attended
             : nullptr;

  const row_range& last = p.keys[1].count() > 0 ? p.keys[1] : p.keys[0];
  for (const row_range& range : p.keys)
    for (std::int64_t first = range.begin; first < range.end; first += tile_keys) {
      const std::int64_t count = std::min(tile_keys, range.end - first);
      auto scores = t.scores.leftCols(count);
      scores.noalias() = q * matrix(p.k).block(first, head * head_dim, count, head_dim).transpose();
      const bool holds_last = &range == &last && first + count == range.end;
      weigh(t, count, p.scale, bias, bias_stride,
            holds_last ? std::log(static_cast<float>(p.last_key_count)) : 0.0F);
      t.accumulated.noalias() +=
          scores * matrix(p.v).block(first, head * head_dim, count, head_dim);
      if (bias != nullptr) bias += count;
    }
  for (std::int64_t i = 0; i < queries; ++i)
    array_map(floats(p.out) + (first_query + i) * p.out.row_stride + head * head_dim, head_dim) =
        t.accumulated.row(i).transpose().array() / t.total[i];
}

}  // namespace

std::int64_t cpu_transformer_ops::workspace_bytes() const noexcept {
  static_assert(scratch_floats >= tile_queries * (tile_keys + most_head_dim + 2));
  return pool_.threads() * scratch_floats * size_bytes(dtype::f32);
}

void cpu_transformer_ops::attention(const attention_params& p, stream, workspace w) {
  if (p.q.columns() / p.heads > most_head_dim)
    throw latency::error("cpu back end: attention heads are at most 1024 wide");
  const std::int64_t queries = p.q.rows() / p.samples, keys = p.k.rows() / p.samples;
  const std::int64_t tiles = (queries + tile_queries - 1) / tile_queries;
  pool_.parallel_for(p.samples * p.heads * tiles, [&](std::int64_t task, int worker) {
    const std::int64_t sample = task / (p.heads * tiles);
    attention_params of_sample = p;
    of_sample.q = p.q.row_range(sample * queries, queries);
    of_sample.k = p.k.row_range(sample * keys, keys);
    of_sample.v = p.v.row_range(sample * keys, keys);
    of_sample.out = p.out.row_range(sample * queries, queries);
    const std::int64_t first = task % tiles * tile_queries;
    attend(of_sample, task / tiles % p.heads, first, std::min(tile_queries, queries - first),
           scratch(w, worker));
  });
}

}  // namespace ops::cpu
