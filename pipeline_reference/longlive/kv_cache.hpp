#pragma once
// The caches of one clip: keys and values of past latent frames for self-attention, keys and values
// of the prompt for cross-attention. All memory is allocated at construction. One thread at a time.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "pipeline_reference/longlive/dit_config.hpp"
#include "pipeline_reference/longlive/kv_placement.hpp"
#include "pipeline_reference/longlive/rolled_kv.hpp"
#include "pipeline_reference/ops/tensor.hpp"
#include "pipeline_reference/ops/transformer_ops.hpp"

namespace longlive {

// A forward goes: begin(), then per layer the write, then commit(). The ring is written in place;
// the roll goes through rolled().
class kv_cache {
 public:
  // Configurations validated before. Memory: layers * 2 * samples * slots * tokens per latent frame
  // * dim; as much again for the roll's new rows, where a recache makes as many.
  kv_cache(const dit_config& dit, const generation_config& generation, kv_policy policy,
           ops::memory& memory, ops::dtype storage);

  // A new clip: all rows zero, nothing valid.
  void restart(ops::stream s);
  // Zeroes keys and values of all layers; the pointers stay.
  void zero(ops::stream s);

  // Plans a forward and sends its positions to the back end; the plan stays until the next begin().
  const kv_plan& begin(const kv_call& call, ops::stream s);
  [[nodiscard]] const kv_plan& plan() const { return plan_; }
  // Of the roll policy; null for the ring.
  [[nodiscard]] rolled_kv* rolled() { return rolled_ ? &*rolled_ : nullptr; }
  // The published, delayed pointer update: once per forward, when all layers have written.
  void commit() { pointers_ = plan_.after; }

  [[nodiscard]] std::int64_t samples() const { return samples_; }
  // Rows of all samples, one sample's after another's: those of the plan within each.
  [[nodiscard]] ops::tensor k(std::int64_t layer) const {
    return keys_[static_cast<std::size_t>(layer)].view();
  }
  [[nodiscard]] ops::tensor v(std::int64_t layer) const {
    return values_[static_cast<std::size_t>(layer)].view();
  }
  // i32 in back-end memory, [samples * latent frames of the call]: the absolute index of each, and
  // the row of k() and v() from which on it is written (-1: it is not).
  [[nodiscard]] ops::const_tensor time_positions() const;
  [[nodiscard]] ops::const_tensor cache_rows() const;

  [[nodiscard]] kv_pointers pointers() const { return pointers_; }
  [[nodiscard]] const kv_placement& placement() const { return *placement_; }
  [[nodiscard]] kv_policy policy() const { return policy_; }
  [[nodiscard]] std::int64_t valid_latent_frames() const;
  [[nodiscard]] std::int64_t bytes() const;  // keys and values of all layers and samples

 private:
  kv_policy policy_;
  std::unique_ptr<kv_placement> placement_;
  ops::memory& memory_;
  std::int64_t samples_;
  // Per layer [samples * slots * tokens per latent frame, dim].
  std::vector<ops::buffer> keys_, values_;
  ops::buffer positions_;  // i32: time positions, then cache rows
  std::vector<std::int32_t> host_positions_;
  std::optional<rolled_kv> rolled_;
  kv_pointers pointers_;
  kv_plan plan_;
};

// Keys and values of the prompt, computed by the first forward after a reset, then reused.
class cross_attention_cache {
 public:
  cross_attention_cache(const dit_config& dit, ops::memory& memory, ops::dtype storage);

  // Zeroes it: the next forward computes it again. Cost: bytes() of memory writes.
  void reset(ops::stream s);
  [[nodiscard]] bool valid() const { return valid_; }
  void set_valid() { valid_ = true; }

  [[nodiscard]] ops::tensor kv(std::int64_t layer) const {
    return kv_[static_cast<std::size_t>(layer)].view();
  }
  [[nodiscard]] std::int64_t bytes() const;

 private:
  ops::memory& memory_;
  std::vector<ops::buffer> kv_;  // per layer [text_len, 2 * dim]: k | v
  bool valid_ = false;
};

}  // namespace longlive
