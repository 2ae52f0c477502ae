#pragma once
// What the figures suggest. Every line names the numbers behind it; nothing is said without them.

#include <cstdint>
#include <string_view>
#include <vector>

#include "analyzers/analysis/components.hpp"
#include "analyzers/analysis/generation.hpp"
#include "analyzers/analysis/hygiene.hpp"
#include "analyzers/analysis/kv_cache.hpp"
#include "analyzers/analysis/switches.hpp"

namespace latency::analysis {

enum class advice_rule : std::uint8_t {
  dropped_records,
  untracked_time,
  late_pixel_frames,
  switch_off_boundary,
  recache_share,
  vae_share,
  attention_window,
  segment_balance
};

enum class unit : std::uint8_t { nanoseconds, share, count, latent_frames };

struct evidence {
  std::string_view what;  // static text: "share of the wall", "longest segment"
  double value = 0;
  unit in = unit::count;
};

struct advice {
  advice_rule rule = advice_rule::dropped_records;
  std::string_view finding;       // static text, one sentence without numbers
  std::string_view suggestion;    // static text, one sentence
  std::vector<evidence> because;  // never empty; the first is the value compared with `threshold`
  double threshold = 0;           // in the unit of because[0]
};

// In the order of advice_rule; at most one line per rule. Pure; O(blocks log blocks).
[[nodiscard]] std::vector<advice> advise(const recording& run, const hygiene_report& health,
                                         const component_table& parts,
                                         const generation_report& generated,
                                         const switch_report& switched,
                                         const kv_cache_report& cache);

}  // namespace latency::analysis
