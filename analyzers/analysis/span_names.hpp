#pragma once
// What the spans of the LongLive pipeline mean to the analysis. The one place that compares names:
// everything else asks by string_id. Names of the single-prompt loop count like the interactive
// ones.

#include <cstdint>
#include <vector>

#include "latency/recording.hpp"

namespace latency::analysis {

enum class span_role : std::uint8_t {
  other,
  text_encoding,
  switch_total,
  cache_reset,
  recache_setup,
  recache,
  cache_operation,  // a KV operation that is none of the above
  vae_decode,
  vae_other  // input preparation and post-processing around a decode
};

// Role by string_id, for every string of the recording. O(strings).
class span_roles {
 public:
  explicit span_roles(const string_table& strings);
  [[nodiscard]] span_role operator[](string_id name) const { return roles_[name]; }

 private:
  std::vector<span_role> roles_;
};

[[nodiscard]] inline bool is_vae(span_role role) {
  return role == span_role::vae_decode || role == span_role::vae_other;
}

// Operations on the KV and cross-attention caches; the others' `bytes` are not the cache's.
[[nodiscard]] inline bool is_cache_operation(span_role role) {
  return role == span_role::cache_reset || role == span_role::recache_setup ||
         role == span_role::recache || role == span_role::cache_operation;
}

}  // namespace latency::analysis
