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
#include "latency/recording.hpp"

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
[[nodiscard]] const char* to_string(advice_rule rule);  // "dropped records", ...

// Thresholds: a rule speaks when its value is above. Records lost and pixel frames late: above 0.

// Up to a twentieth of the time between spans is set-up and loop code; more hides a missing span.
inline constexpr double untracked_share_limit = 0.05;
// A wait below a tenth of the switch's latency is not worth moving the switch point for.
inline constexpr double boundary_wait_share_limit = 0.1;
// The recache forward has 4 times the queries of a step and replaces none of a block's 5 forwards:
// near a quarter of the switch it is what a user waits for.
inline constexpr double recache_share_limit = 0.25;
// Above a quarter of generation, decoding costs more than a denoising step of a 4-step block does.
inline constexpr double vae_share_limit = 0.25;
// Above: halving the window saves more than a fifth of a forward (half of 0.4).
inline constexpr double attention_share_limit = 0.4;
// Segments that differ more than this say more about the longest one than about the prompts.
inline constexpr double segment_ratio_limit = 2.0;

enum class unit : std::uint8_t { nanoseconds, share, ratio, count, latent_frames, tokens };

struct evidence {
  std::string_view what;  // static text: "share of the wall", "longest segment"
  double value = 0;
  unit in = unit::count;
};

struct advice {
  advice_rule rule = advice_rule::dropped_records;
  std::string_view finding;       // static text, a sentence without numbers
  std::string_view suggestion;    // static text, a sentence
  std::vector<evidence> because;  // never empty; the first is the value above `threshold`
  double threshold = 0;           // in the unit of because[0]
};

// In the order of advice_rule; at most one line per rule, none without data. Every argument must be
// of `run`. Pure; O(switches + segments).
[[nodiscard]] std::vector<advice> advise(const recording& run, const hygiene_report& health,
                                         const component_table& parts,
                                         const generation_report& generated,
                                         const switch_report& switched,
                                         const kv_cache_report& cache);

}  // namespace latency::analysis
