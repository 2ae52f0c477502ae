#pragma once
// What a report says first: can these figures be trusted. The counts of latency/proof.hpp and of
// the recording, as lines, with a verdict.

#include <cstdint>
#include <string>
#include <vector>

#include "latency/proof.hpp"
#include "latency/recording.hpp"
#include "latency/span_tree.hpp"

namespace latency::analysis {

enum class hygiene_group : std::uint8_t {
  lost,        // happened, but is not in the recording: figures are too small
  impossible,  // in the recording, cannot be true: kept, flagged, counted
  unbalanced,  // an identity of the proof does not hold
  left_out     // on purpose: warm-up, regions not asked for, ring mode
};

// One count. All but `left_out` make the recording dirty when they are not zero.
struct hygiene_count {
  std::string what;  // such as "dropped spans"; no two are equal
  std::int64_t count = 0;
  hygiene_group group = hygiene_group::lost;
};

struct hygiene_report {
  std::vector<hygiene_count> counts;    // every count, zeros included, in a fixed order by group
  std::int64_t lost = 0;                // sum of that group
  std::int64_t impossible_records = 0;  // records with at least one problem (kinds may overlap)
  std::int64_t warm_up_spans = 0;       // left out of every statistic
  bool incomplete = false;              // the run did not end, or its file is cut off
  bool clean = true;                    // complete, and no count outside left_out above zero
};

// `tree` and `proven` must be of `run`. Pure; O(spans).
[[nodiscard]] hygiene_report hygiene(const recording& run, const span_tree& tree,
                                     const latency::proof& proven);

}  // namespace latency::analysis
