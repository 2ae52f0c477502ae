#pragma once
// The clocks of the ranks of one run against each other, from what their recordings contain.
//
// A rank's time t is t + offset_ns on the clock of the first one. Synchronization bounds the offset
// from both sides: nobody leaves a collective or a barrier before everybody has entered it. For
// the same one on both ranks, with intervals [s, e) on the first and [s', e') on the other,
//   e' + offset >= s  and  e >= s' + offset,  so  s - e' <= offset <= e - s'.
// Few of them leave an interval, taking the clocks not to drift apart; its middle is taken, half
// its length is the uncertainty, a bound and no estimate. With drift_fewest_points and more the
// drift is fitted, too (clock_fit.hpp), and the time on the first clock is t + offset_ns + drift *
// t. Counted as such: NCCL kernels of collectives in which every rank waits for every other
// (all-reduce, all-gather, reduce-scatter, all-to-all), and spans whose name holds "barrier", or
// those that the caller names. The k-th of a name is the same one on every rank; names with another
// number of them on some rank are left out. Without any, the wall clocks of the session starts
// decide, as uncertain as the caller says, for recordings cannot tell.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "latency/recording.hpp"

namespace latency::analysis {

enum class alignment_method : std::uint8_t { reference, synchronization, wall_clock };
[[nodiscard]] const char* to_string(alignment_method method);

struct rank_alignment {
  alignment_method method = alignment_method::reference;
  std::int64_t offset_ns = 0;
  std::optional<double> drift;      // ns per ns; none: too few points, taken as 0
  std::int64_t uncertainty_ns = 0;  // against the first rank
  std::int64_t points = 0;          // collectives and barriers that were used
  // What the wall clocks say minus offset_ns; 0 without wall clocks.
  std::int64_t wall_clock_difference_ns = 0;
};

inline constexpr std::int64_t drift_fewest_points = 8;

struct alignment_rules {
  std::vector<std::string> barriers;  // names of spans that nobody leaves before all have entered
  std::int64_t wall_clock_uncertainty_ns = 1'000'000;
};

// One for each recording. Throws latency::error when synchronization contradicts itself (the order
// differs between ranks, or a clock drifts by more than clocks do, or with too few points to fit
// it), or when a rank has neither it nor a wall clock in
// common with the first. O(n log n).
[[nodiscard]] std::vector<rank_alignment> align_ranks(const std::vector<recording>& ranks,
                                                      const alignment_rules& rules);

// The largest uncertainty between any two ranks.
[[nodiscard]] std::int64_t uncertainty_between_ns(const std::vector<rank_alignment>& of);

// Median duration of what the recordings hold: spans, or device ops where there are none. Finer
// than an uncertainty above it nothing can be said. 0 when they hold nothing.
[[nodiscard]] std::int64_t typical_duration_ns(const std::vector<recording>& ranks);

// One recording on one clock: starts with the earliest session and ends with the last. Threads
// are called "rank 1: main"; the rest is numbered as pool() does, so that ranks stay apart. The
// clock's uncertainty grows by the one between ranks. Consumes the recordings. O(rows).
[[nodiscard]] recording merge_ranks(std::vector<recording> ranks,
                                    const std::vector<rank_alignment>& alignment);

}  // namespace latency::analysis
