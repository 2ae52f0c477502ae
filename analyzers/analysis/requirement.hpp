#pragma once
// The number behind `--require 'p99(interactive_vae_decode)<=85ms'`.

#include <cstdint>
#include <optional>
#include <string_view>

#include "analyzers/analysis/components.hpp"
#include "latency/recording.hpp"

namespace latency::analysis {

// All but count and share are over inclusive durations, in ns. `sum` is the component's
// inclusive_ns (nested spans of one name once), `exclusive` its exclusive_ns, `share` its
// exclusive_share.
enum class metric : std::uint8_t { mean, p50, p95, p99, max, min, count, sum, exclusive, share };
[[nodiscard]] std::optional<metric> metric_named(std::string_view text);  // "p99" -> metric::p99

enum class metric_state : std::uint8_t {
  known,
  no_such_span,  // no counted span of that name (never recorded, or warm-up only); count is then 0
  maximum  // p99 of fewer than p99_least_n spans: their maximum stands in, a gate must not pass on
           // less
};

struct metric_result {
  metric_state state = metric_state::no_such_span;
  double value = 0;    // ns, or a plain number for count and share
  std::int64_t n = 0;  // spans behind it
};

// Pure; O(rows of the table). `count` of an absent name is known and 0.
[[nodiscard]] metric_result evaluate(const recording& run, const component_table& table,
                                     metric wanted, std::string_view span_name);

}  // namespace latency::analysis
