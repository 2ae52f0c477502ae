#pragma once
// The published way through the KV cache, with all that it copies: a forward works on a clone of a
// layer's keys and values, puts the new ones there (rolling the window first when it is full),
// joins sink and window into one run of rows for attention, and repeats roll and insertion on the
// cache itself when all layers are done. The results are those of writing in place.

#include <cstdint>
#include <vector>

#include "pipeline_reference/longlive/dit_config.hpp"
#include "pipeline_reference/longlive/kv_placement.hpp"
#include "pipeline_reference/longlive/layer_span.hpp"
#include "pipeline_reference/ops/tensor.hpp"
#include "pipeline_reference/ops/transformer_ops.hpp"

namespace longlive {

// Keys and values of one layer, each [samples * rows, dim], one sample's rows after another's.
struct key_values {
  ops::tensor k, v;
};

// All memory is allocated at construction: two more windows, and the new rows of every layer. One
// thread at a time.
class rolled_kv {
 public:
  rolled_kv(const dit_config& dit, const kv_placement& placement, std::int64_t most_latent_frames,
            std::int64_t samples, ops::memory& memory, ops::dtype storage);

  // Where a forward leaves its new keys and values: latent frame f of all samples' from row
  // fresh_rows()[f] on.
  [[nodiscard]] key_values fresh(std::int64_t layer) const;
  [[nodiscard]] ops::const_tensor fresh_rows(std::int64_t latent_frames) const;  // i32

  // A forward's call on one layer, for its spans.
  struct call {
    const kv_plan& plan;
    std::int64_t layer;
    forward_place place;
    bool spans;
    ops::transformer_ops& ops;
    ops::stream stream;
    ops::workspace work;
  };
  // Clones `cache`, inserts what is fresh, and returns the rows to attend to, in one run: spans
  // kv_temp_clone, then kv_roll_and_insert or kv_direct_insert, then kv_sink_concat.
  [[nodiscard]] key_values window(const call& c, const key_values& cache);
  // Roll and insertion on the cache itself: span kv_cache_apply.
  void apply(const call& c, const key_values& cache);

 private:
  void insert(const call& c, std::int64_t layer, const key_values& into);

  ops::memory& memory_;
  std::int64_t latent_frame_tokens_;
  std::int64_t samples_;
  ops::buffer clone_k_, clone_v_, joined_k_, joined_v_;  // [samples * rows, dim]
  std::vector<ops::buffer> fresh_k_, fresh_v_;           // per layer [samples * most new rows, dim]
  ops::buffer fresh_rows_;                               // i32 [samples * most latent frames]
};

}  // namespace longlive
