#include "pipeline_reference/ops/cpu/cpu_transformer_ops.hpp"
#include "pipeline_reference/ops/cpu/cpu_views.hpp"

namespace ops::cpu {
namespace {

constexpr std::int64_t tokens_per_task = 16;

// out = x / rms(x) * weight, then every head's adjacent pairs turned by the token's angles.
// `turns` holds cos, sin for each of the head_dim / 2 pairs.
void normalise_and_rotate(const float* x, const float* weight, const float* turns, float* out,
                          std::int64_t heads, std::int64_t head_dim, float eps) {
  const std::int64_t dim = heads * head_dim;
  const float factor = 1.0F / std::sqrt(const_array_map(x, dim).square().mean() + eps);
  for (std::int64_t head = 0; head < dim; head += head_dim)
    for (std::int64_t i = 0; i < head_dim; i += 2) {
      const float even = x[head + i] * factor * weight[head + i];
      const float odd = x[head + i + 1] * factor * weight[head + i + 1];
      const float cosine = turns[i], sine = turns[i + 1];
      out[head + i] = even * cosine - odd * sine;
      out[head + i + 1] = even * sine + odd * cosine;
    }
}

// The angles of one token: its rows of the three tables, one after the other.
void gather_turns(const rope_tables& rope, std::int64_t time, std::int64_t row, std::int64_t column,
                  float* turns) {
  const auto append = [&](const const_tensor& table, std::int64_t position) {
    const std::int64_t count = table.shape[1] * 2;
    std::copy_n(floats(table) + position * count, count, turns);
    turns += count;
  };
  append(rope.time, time);
  append(rope.height, row);
  append(rope.width, column);
}

}  // namespace

void cpu_transformer_ops::qk_norm_rope_cache_write(const qk_norm_rope_cache_write_params& p, stream,
                                                   workspace w) {
  const std::int64_t tokens = p.qkv.rows(), dim = p.q_out.columns(), head_dim = dim / p.heads;
  const std::int64_t columns = p.rope.width.shape[0];
  const std::int32_t* time_positions = p.time_positions.as<std::int32_t>();
  const std::int32_t* cache_rows = p.cache_rows.as<std::int32_t>();
  pool_.parallel_for((tokens + tokens_per_task - 1) / tokens_per_task, [&](std::int64_t task,
                                                                           int worker) {
    float* turns = scratch(w, worker);
    for (std::int64_t token = task * tokens_per_task;
         token < std::min(tokens, (task + 1) * tokens_per_task); ++token) {
      const std::int64_t latent_frame = token / p.rows_per_latent_frame;
      const std::int64_t place = token % p.rows_per_latent_frame;
      gather_turns(p.rope, time_positions[latent_frame], place / columns, place % columns, turns);
      const float* q = floats(p.qkv) + token * p.qkv.row_stride;
      normalise_and_rotate(q, floats(p.q_weight), turns,
                           floats(p.q_out) + token * p.q_out.row_stride, p.heads, head_dim, p.eps);
      if (cache_rows[latent_frame] < 0) continue;
      const std::int64_t cache_row = cache_rows[latent_frame] + place;
      normalise_and_rotate(q + dim, floats(p.k_weight), turns,
                           floats(p.k_cache) + cache_row * p.k_cache.row_stride, p.heads, head_dim,
                           p.eps);
      std::copy_n(q + 2 * dim, dim, floats(p.v_cache) + cache_row * p.v_cache.row_stride);
    }
  });
}

}  // namespace ops::cpu
