#include "pipeline_reference/longlive/rolled_kv.hpp"

#include <optional>
#include <utility>

namespace longlive {
namespace {

std::int64_t row_bytes(const ops::const_tensor& rows) {
  return rows.columns() * ops::size_bytes(rows.type);
}

}  // namespace

rolled_kv::rolled_kv(const dit_config& dit, const kv_placement& placement,
                     std::int64_t most_latent_frames, std::int64_t samples, ops::memory& memory,
                     ops::dtype storage)
    : memory_(memory),
      latent_frame_tokens_(placement.tokens_per_latent_frame()),
      samples_(samples) {
  const auto rows = [&](std::int64_t latent_frames) {
    return ops::buffer(memory, storage, {samples * latent_frames * latent_frame_tokens_, dit.dim});
  };
  for (ops::buffer* window : {&clone_k_, &clone_v_, &joined_k_, &joined_v_})
    *window = rows(placement.slots());
  for (std::int64_t layer = 0; layer < dit.layers; ++layer) {
    fresh_k_.push_back(rows(most_latent_frames));
    fresh_v_.push_back(rows(most_latent_frames));
  }
  std::vector<std::int32_t> in_order;
  for (std::int64_t i = 0; i < samples * most_latent_frames; ++i)
    in_order.push_back(static_cast<std::int32_t>(i * latent_frame_tokens_));
  fresh_rows_ = ops::buffer(memory, ops::dtype::i32, {samples * most_latent_frames});
  memory.upload(fresh_rows_.view().data, in_order.data(), fresh_rows_.view().bytes(), {});
}

key_values rolled_kv::fresh(std::int64_t layer) const {
  const auto i = static_cast<std::size_t>(layer);
  return {fresh_k_[i].view(), fresh_v_[i].view()};
}

ops::const_tensor rolled_kv::fresh_rows(std::int64_t latent_frames) const {
  return {fresh_rows_.view().data, ops::dtype::i32, {latent_frames}};
}

void rolled_kv::insert(const call& c, std::int64_t layer, const key_values& into) {
  const kv_plan& plan = c.plan;
  const key_values from = fresh(layer);
  const std::int64_t rows_of_sample = into.k.rows() / samples_;
  std::int64_t fresh_row = 0;
  for (std::int64_t sample = 0; sample < samples_; ++sample) {
    const std::int64_t first = sample * rows_of_sample;
    if (plan.moved_tokens > 0)
      for (const ops::tensor& rows : {into.k, into.v})
        c.ops.move_rows({rows, first + plan.move_from, first + plan.move_to, plan.moved_tokens},
                        c.stream, c.work);
    for (const std::int32_t row : plan.cache_rows) {
      if (row >= 0)
        for (const auto& [to, rows] : {std::pair{into.k, from.k}, {into.v, from.v}})
          memory_.copy(to.row_range(first + row, latent_frame_tokens_).data,
                       rows.row_range(fresh_row, latent_frame_tokens_).data,
                       latent_frame_tokens_ * row_bytes(to), c.stream);
      fresh_row += latent_frame_tokens_;
    }
  }
}

key_values rolled_kv::window(const call& c, const key_values& cache) {
  const kv_plan& plan = c.plan;
  const std::int64_t token_bytes = 2 * samples_ * row_bytes(cache.k);  // k and v
  const key_values clone{clone_k_.view(), clone_v_.view()};
  {
    std::optional<latency::scope> span;
    open_layer_span(span, c.spans, "kv_temp_clone", c.layer, c.place);
    if (span) span->add({"bytes", 2 * cache.k.bytes()});
    memory_.copy(clone.k.data, cache.k.data, cache.k.bytes(), c.stream);
    memory_.copy(clone.v.data, cache.v.data, cache.v.bytes(), c.stream);
  }
  {
    std::optional<latency::scope> span;
    open_layer_span(span, c.spans,
                    plan.evicted_tokens > 0 ? "kv_roll_and_insert" : "kv_direct_insert", c.layer,
                    c.place);
    if (span) {
      span->add({"bytes", (plan.moved_tokens + plan.written_tokens) * token_bytes});
      span->add({"rewritten_tokens", plan.rewritten_tokens});
    }
    insert(c, c.layer, clone);
  }
  std::optional<latency::scope> span;
  open_layer_span(span, c.spans, "kv_sink_concat", c.layer, c.place);
  if (span) span->add({"bytes", plan.attended_tokens * token_bytes});
  const key_values joined{joined_k_.view(), joined_v_.view()};
  const std::int64_t rows_of_sample = cache.k.rows() / samples_;
  std::int64_t row = 0;
  for (std::int64_t sample = 0; sample < samples_; ++sample)
    for (const ops::row_range& range : plan.attended) {
      const std::int64_t bytes = range.count() * row_bytes(cache.k);
      if (bytes == 0) continue;
      const std::int64_t first = sample * rows_of_sample + range.begin;
      for (const auto& [to, rows] : {std::pair{joined.k, clone.k}, {joined.v, clone.v}})
        memory_.copy(to.row_range(row, range.count()).data,
                     rows.row_range(first, range.count()).data, bytes, c.stream);
      row += range.count();
    }
  return {joined.k.row_range(0, row), joined.v.row_range(0, row)};
}

void rolled_kv::apply(const call& c, const key_values& cache) {
  std::optional<latency::scope> span;
  open_layer_span(span, c.spans, "kv_cache_apply", c.layer, c.place);
  if (span)
    span->add({"bytes",
               (c.plan.moved_tokens + c.plan.written_tokens) * 2 * samples_ * row_bytes(cache.k)});
  insert(c, c.layer, cache);
}

}  // namespace longlive
