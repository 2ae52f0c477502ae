#pragma once
// The KV cache: tokens attended, reused and rewritten, bytes moved, resets.
//
// Tokens and bytes are attributes of spans. When a span and one around it (same thread) both carry
// the attribute, the outer one counts in totals, so layer-level spans do not count twice.

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "latency/recording.hpp"
#include "latency/span_tree.hpp"

namespace latency::analysis {

struct token_counts {
  std::int64_t attended = 0;
  std::int64_t reused = 0;
  std::int64_t rewritten = 0;
  // reused / attended; none when nothing was attended.
  [[nodiscard]] std::optional<double> hit_rate() const {
    if (attended == 0) return std::nullopt;
    return static_cast<double>(reused) / static_cast<double>(attended);
  }
};

// One cache operation: spans of one name under one parent name (a diffusion_forward in a recache is
// another operation than one in a denoising step). Rows nest, so they do not add up.
struct cache_operation {
  string_id name = 0;
  std::optional<string_id> parent_name;
  std::int64_t count = 0;
  std::int64_t inclusive_ns = 0;
  token_counts tokens;
  std::int64_t bytes = 0;
};

struct cache_resets {
  std::int64_t count = 0;  // spans prompt_switch_{kv,crossattn,final}_reset
  std::int64_t bytes = 0;
  std::int64_t time_ns = 0;
  std::optional<double> per_block;  // count / blocks; none without blocks
};

struct prompt_cache {
  std::int64_t lookups = 0;  // spans with the integer attribute `prompt_cache_hit`
  std::int64_t hits = 0;     // of those, not zero
};

// How the time of a span grows with the tokens that it attends to: spans of one name that rewrite
// equally many tokens (so ask equally many queries), at the fewest and the most tokens attended.
struct attention_cost {
  string_id name = 0;
  std::int64_t low_tokens = 0;
  std::int64_t high_tokens = 0;
  std::int64_t low_n = 0;
  std::int64_t high_n = 0;
  double low_median_ns = 0;
  double high_median_ns = 0;
  // Part of the time at high_tokens that grows with them, if it grows linearly:
  //   (high - low median) / (high - low tokens) * high tokens / high median, held to 0..1.
  double attention_share = 0;
};

// Fewer spans than this at either end say nothing about the median there.
inline constexpr std::int64_t attention_cost_minimum_n = 3;

struct kv_cache_report {
  token_counts tokens;
  std::int64_t bytes = 0;                   // moved or written by cache operations
  std::vector<cache_operation> operations;  // by inclusive_ns, largest first; ties by name texts
  cache_resets resets;
  // Of the name with the most spans for which it is known.
  std::optional<attention_cost> attention;
  std::optional<prompt_cache> prompts;  // none when no span carries the attribute
};

// Pure; O(n log n) in spans and attributes. Warm-up is left out of what comes from
// spans.
[[nodiscard]] kv_cache_report kv_cache(const recording& run, const span_tree& tree);

}  // namespace latency::analysis
