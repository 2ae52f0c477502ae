#include "pipeline_reference/longlive/kv_cache.hpp"

#include <algorithm>

namespace longlive {
namespace {

std::int64_t total_bytes(const std::vector<ops::buffer>& buffers) {
  std::int64_t total = 0;
  for (const ops::buffer& b : buffers) total += b.view().bytes();
  return total;
}

void zero_all(ops::memory& memory, const std::vector<ops::buffer>& buffers, ops::stream s) {
  for (const ops::buffer& b : buffers) memory.zero(b.view().data, b.view().bytes(), s);
}

}  // namespace

kv_cache::kv_cache(const dit_config& dit, const generation_config& generation, kv_policy policy,
                   ops::memory& memory, ops::dtype storage)
    : policy_(policy),
      placement_(make_kv_placement(policy, generation, dit.tokens_per_latent_frame())),
      memory_(memory),
      samples_(generation.samples) {
  const std::int64_t rows = samples_ * placement_->slots() * dit.tokens_per_latent_frame();
  for (std::int64_t layer = 0; layer < dit.layers; ++layer) {
    keys_.emplace_back(memory, storage, ops::shape{rows, dit.dim});
    values_.emplace_back(memory, storage, ops::shape{rows, dit.dim});
  }
  const std::int64_t most_latent_frames =
      std::max(placement_->slots(), generation.latent_frames_per_block);
  positions_ = ops::buffer(memory, ops::dtype::i32, {2 * samples_ * most_latent_frames});
  host_positions_.reserve(static_cast<std::size_t>(2 * samples_ * most_latent_frames));
  plan_.cache_rows.reserve(static_cast<std::size_t>(most_latent_frames));
  if (policy == kv_policy::roll)
    rolled_.emplace(dit, *placement_,
                    generation.recaches() ? most_latent_frames : generation.latent_frames_per_block,
                    samples_, memory, storage);
  restart({});
}

void kv_cache::restart(ops::stream s) {
  zero(s);
  pointers_ = {};
}

void kv_cache::zero(ops::stream s) {
  zero_all(memory_, keys_, s);
  zero_all(memory_, values_, s);
}

const kv_plan& kv_cache::begin(const kv_call& call, ops::stream s) {
  placement_->plan(pointers_, call, plan_);
  host_positions_.clear();
  for (std::int64_t sample = 0; sample < samples_; ++sample)
    for (std::int64_t i = 0; i < call.latent_frames; ++i)
      host_positions_.push_back(static_cast<std::int32_t>(call.start_latent_frame + i));
  const std::int64_t rows_of_sample = placement_->slots() * placement_->tokens_per_latent_frame();
  for (std::int64_t sample = 0; sample < samples_; ++sample)
    for (const std::int32_t row : plan_.cache_rows)
      host_positions_.push_back(row < 0 ? -1
                                        : static_cast<std::int32_t>(sample * rows_of_sample) + row);
  memory_.upload(
      positions_.view().data, host_positions_.data(),
      static_cast<std::int64_t>(host_positions_.size()) * ops::size_bytes(ops::dtype::i32), s);
  return plan_;
}

ops::const_tensor kv_cache::time_positions() const {
  return {positions_.view().data,
          ops::dtype::i32,
          {samples_ * static_cast<std::int64_t>(plan_.cache_rows.size())}};
}

ops::const_tensor kv_cache::cache_rows() const {
  ops::const_tensor rows = time_positions();
  rows.data = rows.as<std::int32_t>() + rows.elements();
  return rows;
}

std::int64_t kv_cache::valid_latent_frames() const {
  return pointers_.local_end_tokens / placement_->tokens_per_latent_frame();
}

std::int64_t kv_cache::bytes() const {
  return total_bytes(keys_) + total_bytes(values_);
}

cross_attention_cache::cross_attention_cache(const dit_config& dit, ops::memory& memory,
                                             ops::dtype storage)
    : memory_(memory) {
  for (std::int64_t layer = 0; layer < dit.layers; ++layer)
    kv_.emplace_back(memory, storage, ops::shape{dit.text_len, 2 * dit.dim});
}

void cross_attention_cache::reset(ops::stream s) {
  zero_all(memory_, kv_, s);
  valid_ = false;
}

std::int64_t cross_attention_cache::bytes() const {
  return total_bytes(kv_);
}

}  // namespace longlive
